"""What is left of a round after `kill -9` of the server in the middle of it, and a restart."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import superlink_leg, twofold_leg
from benchmarks.flower_environment import FlowerEnvironment
from benchmarks.superlink_process import SuperLink, light_nodes, rounds_done
from benchmarks.waiting import wait_until
from clients.python.fleet import Fleet

STATUS_DEADLINE_S = 240.0


@dataclass(frozen=True)
class Aftermath:
    """acknowledged: updates that clients had been thanked for when the server was killed; lost:
    those of them that no version was made of; ready_s: from the restart until the server answered;
    outcome: what became of the run."""

    side: str
    clients: int
    acknowledged: int
    lost: int
    ready_s: float
    outcome: str

    def line(self) -> str:
        """In a line."""
        kept = f"{self.lost} of {self.acknowledged} acknowledged updates lost"
        return f"{self.side}, {self.clients} clients, kill -9: {kept}; {self.outcome}"


def kill_twofold(folder: Path, clients: int, items: int = twofold_leg.ITEMS) -> Aftermath:
    """Kill it in the second round; another two are run afterwards."""
    with twofold_leg.world(folder, clients, items) as here, running(here.fleet):
        wait_until(lambda: here.fleet.counts.accepted >= clients + (clients + 1) // 2)
        os.kill(here.service.pid, signal.SIGKILL)
        given = [(device, name) for device in here.devices for name in list(device.receipts)]
        time.sleep(0.5)  # devices run into the outage
        began = time.monotonic()
        here.service.keep_alive()
        ready_s = time.monotonic() - began
        wait_until(lambda: twofold_leg.published(here.client) >= 4)
        lost = sum(device.outcome_of(name) != "counted" for device, name in given)
    # Some were of the round that was open: counted, it went on where it was.
    went_on = "the open round went on where it was" if not lost else "the open round did not go on"
    outcome = f"ready after {ready_s:.1f} s, {went_on}"
    return Aftermath("Twofold", clients, len(given), lost, ready_s, outcome)


@contextmanager
def running(fleet: Fleet) -> Iterator[None]:
    """The fleet at work in a thread."""
    ended = threading.Event()
    thread = threading.Thread(target=fleet.run, args=(lambda _: ended.is_set(),), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def kill_flower(flower: FlowerEnvironment, folder: Path, clients: int, n_values: int) -> Aftermath:
    """Kill it in the second of four rounds; its store is a file, else nothing could be left."""
    progress, polls = folder / "progress.jsonl", superlink_leg.fast_polls(clients)
    link = SuperLink(flower, folder, folder / "superlink.db")
    link.start()
    try:
        with light_nodes(flower, folder, link.address, clients, polls.node_s) as nodes:
            settings = {"clients": clients, "rounds": 4, "n_values": n_values}
            link.begin_run(progress, **settings, poll_s=polls.grid_s or 0.0)
            wait_until(lambda: len(rounds_done(progress)) > 1)
            before = nodes.updates
            wait_until(lambda: nodes.updates >= before + (clients + 1) // 2)
            link.kill()
            acknowledged, done = nodes.updates, len(rounds_done(progress)) - 1
            began = time.monotonic()
            link.start()
            ready_s = time.monotonic() - began
            status = _final_status(link)
    finally:
        link.stop()
    after = f"the run is {status!r} after {done} of 4 rounds, without a result"
    lost = acknowledged if status != "finished:completed" else 0
    return Aftermath("Flower", clients, acknowledged, lost, ready_s, after)


def _final_status(link: SuperLink) -> str:
    end = time.monotonic() + STATUS_DEADLINE_S
    while (status := link.status()).split(":")[0] != "finished" and time.monotonic() < end:
        time.sleep(5.0)
    return status
