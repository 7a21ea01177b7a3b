"""Twofold's side of the race: `twofold serve` as a process, light devices over HTTP."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from benchmarks.light_device import CountingTransport, LightDevice
from benchmarks.process_tree import PeakMemory, cpu_s
from benchmarks.race_result import TWOFOLD, Leg
from benchmarks.waiting import wait_until
from clients.python.device import Device
from clients.python.fleet import Fleet
from clients.python.service_client import ServiceClient
from evaluation.demo.service_process import ServiceProcess

# With 64 values per head, a history of 200 and three event types: 262,165 values, an update body of
# 1,048,716 bytes, 140 more than 1 MiB.
ITEMS = 1356
THREADS = 8


@dataclass(frozen=True)
class World:
    """A service with its catalogue and its devices, before their first check-in."""

    service: ServiceProcess
    client: ServiceClient
    devices: Sequence[LightDevice]
    transport: CountingTransport
    fleet: Fleet


def environment(clients: int) -> dict[str, str]:
    """Every device is needed for every round, as on the other side."""
    return {
        "TWOFOLD_ROUND_COHORT_TARGET": str(clients),
        "TWOFOLD_ROUND_COHORT_MIN": str(max(1, clients // 2)),
        "TWOFOLD_ROUND_DEADLINE_S": "120",
        "TWOFOLD_ROUND_LEASE_S": "60",
        "TWOFOLD_RETRY_WINDOW_S": "0.2,30",
    }


@contextmanager
def world(folder: Path, clients: int, items: int = ITEMS, **changes: str) -> Iterator[World]:
    """Start the service, import a catalogue, enrol the devices. changes: of the environment."""
    service = ServiceProcess(folder / "service", environment(clients) | changes)
    service.start()
    try:
        with (
            ServiceClient(service.url, service.server_key) as client,
            CountingTransport(THREADS) as transport,
        ):
            import_items(client, items)
            devices = enrol_devices(client, service.url, clients, transport)
            transport.requests.clear()
            transport.body_bytes = 0
            fleet = Fleet(cast(Sequence[Device], devices), transport, THREADS)
            yield World(service, client, devices, transport, fleet)
    finally:
        service.stop()


def import_items(client: ServiceClient, n_items: int) -> None:
    """A catalogue of bare ids; returns when a version has it and a round is open on it."""
    client.import_items({"id": f"item-{number}"} for number in range(n_items))
    wait_until(lambda: (client.current_version() or {"n_items": 0})["n_items"] == n_items)
    wait_until(lambda: bool(client.rounds(limit=1)))


def enrol_devices(
    client: ServiceClient, url: str, n: int, transport: CountingTransport
) -> list[LightDevice]:
    """One device for each of n users."""

    def one(number: int) -> LightDevice:
        user = f"user-{number}"
        client.put_user(user, "device")
        code = client.enrolment_code(user)
        return LightDevice.enrol(url, code, transport, number, time.time)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(n)))


def run_leg(folder: Path, clients: int, rounds: int, items: int = ITEMS) -> Leg:
    """Run at least that many rounds."""
    with world(folder, clients, items) as here:
        pid, updates = here.service.pid, rounds * clients
        with PeakMemory(pid) as memory:
            began, cpu_before = time.monotonic(), cpu_s(pid)
            counts = here.fleet.run(lambda so_far: so_far.accepted >= updates)
            wait_until(lambda: published(here.client) >= rounds)
            used_s, elapsed_s = cpu_s(pid) - cpu_before, time.monotonic() - began
    return Leg(
        side=TWOFOLD,
        clients=clients,
        rounds=rounds,
        updates=counts.accepted,
        requests=here.transport.requests.total() - counts.waits,
        polls=counts.waits,
        cpu_s=used_s,
        elapsed_s=elapsed_s,
        peak_mib=memory.mib,
        body_bytes=here.transport.body_bytes,
    )


def published(client: ServiceClient) -> int:
    return sum(one["phase"] == "published" for one in client.rounds())
