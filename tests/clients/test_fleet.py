"""Many devices in one process: due times, outages, counts, and what they do not share."""

import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clients.python.answers import Receipt
from clients.python.fleet import Fleet, device_seed, folder_name
from clients.python.fleet_counts import FleetCounts, Tally
from clients.python.model_store import ModelStore
from clients.python.options import DeviceOptions
from clients.python.outcomes import Accepted, Declined, Dropped, Failed, Waits
from clients.python.session import RetryPolicy
from clients.python.transport import Transport
from recsys.datasets.interactions import Event
from tests.clients.rounds_service import Rig

QUICK = DeviceOptions(retry=RetryPolicy(first_s=0.02, most_s=0.2, permanent_s=0.2))
RECEIPT = Receipt("a", 1, "sha256:" + "0" * 64, "2030-01-01T00:00:00Z", "pending", "s")
DEADLINE_S = 60.0


def enrol(rig: Rig, n_devices: int, options: DeviceOptions = QUICK, threads: int = 3) -> Fleet:
    codes = {f"user/{n}": f"code-{n}" for n in range(n_devices)}
    fleet = Fleet.enrol(
        rig.folder,
        rig.running.url,
        codes,
        Transport(),
        threads=threads,
        seed=3,
        models=ModelStore(rig.folder / "model"),
        options=options,
    )
    items = rig.service.world.items
    for n, device in enumerate(fleet.devices):
        device.record_all(Event(items[(n + 3 * at) % 39], "view", float(at)) for at in range(9))
    return fleet


def until(accepted: int) -> "Deadline":
    return Deadline(accepted)


class Deadline:
    """Stops at so many accepted updates, and fails instead of hanging."""

    def __init__(self, accepted: int) -> None:
        self._accepted = accepted
        self._ends_at = time.monotonic() + DEADLINE_S

    def __call__(self, counts: FleetCounts) -> bool:
        assert time.monotonic() < self._ends_at, f"the fleet got stuck: {counts}"
        return counts.accepted >= self._accepted


@pytest.fixture
def rig_with_windows(rig: Rig) -> Rig:
    """A service that asks to come back within some milliseconds."""
    rig.service.retry = {"after_s": 0.01, "before_s": 0.05}
    return rig


def test_a_fleet_has_at_least_one_thread(rig: Rig) -> None:
    with pytest.raises(ValueError, match="threads"):
        Fleet([], rig.transport, threads=0)


def test_an_empty_fleet_stops_when_told(rig: Rig) -> None:
    assert Fleet([], rig.transport).run(lambda _: True) == FleetCounts()


def test_every_device_takes_part(rig_with_windows: Rig) -> None:
    rig = rig_with_windows
    rig.service.rounds_open = 12
    with enrol(rig, 12) as fleet:
        counts = fleet.run(lambda counts: counts.accepted >= 12 and counts.waits >= 12)
    assert (counts.granted, counts.accepted, counts.drop_outs) == (12, 12, 0)
    assert counts.attempts == counts.accepted + counts.waits
    assert len(rig.service.updates) == 12
    assert len(set(rig.service.updates.values())) == 12
    # Every device fetched the bundle for itself.
    assert rig.service.count("GET /v1/models/1/bundles") == 12


def test_an_outage_is_survived(rig_with_windows: Rig) -> None:
    rig = rig_with_windows
    with enrol(rig, 6) as fleet:
        fleet.run(until(6))
        rig.running.stop()
        # Connection refused, again and again; then the service is back.
        failing = fleet.run(lambda counts: counts.failures >= 12)
        assert failing.accepted >= 6
        rig.running.start()
        after = fleet.run(until(failing.accepted + 6))
    assert after.drop_outs == 0
    assert after.accepted - after.replays <= len(rig.service.updates)


def test_an_outage_while_running_is_survived(rig_with_windows: Rig) -> None:
    rig = rig_with_windows

    def interrupt() -> None:
        for _ in range(2):
            time.sleep(0.15)
            rig.running.stop()
            time.sleep(0.15)
            rig.running.start()

    with enrol(rig, 6) as fleet:
        thread = threading.Thread(target=interrupt)
        thread.start()
        fleet.run(lambda counts: not thread.is_alive())
        counts = fleet.run(until(fleet.counts.accepted + 6))
        thread.join()
    assert counts.failures > 0
    # Whatever was cut when: what the service holds is what the devices had acknowledged, plus at
    # most one update per device whose answer got lost.
    assert counts.accepted <= len(rig.service.updates) + counts.replays
    assert len(rig.service.updates) <= counts.accepted + 6


def test_a_device_waits_without_holding_up_the_others(rig: Rig) -> None:
    rig.service.retry = {"after_s": 3600.0, "before_s": 3600.0}
    with enrol(rig, 2, threads=1) as fleet:
        rig.service.rounds_open = 0
        fleet.run(lambda counts: counts.waits >= 2)
        started = time.monotonic()
        counts = fleet.run(lambda _: time.monotonic() - started > 0.3)
    assert counts.attempts == 2


def test_progress_is_shown_in_the_callers_thread_and_at_the_end(rig_with_windows: Rig) -> None:
    seen: list[tuple[int, FleetCounts]] = []

    def show(counts: FleetCounts) -> None:
        seen.append((threading.get_ident(), counts))

    with enrol(rig_with_windows, 3) as fleet:
        counts = fleet.run(until(6), show, progress_every_s=0.01)
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    assert len(seen) >= 2
    assert seen[-1][1].accepted <= counts.accepted
    assert fleet.counts == counts


def test_a_damaged_device_ends_the_run_and_is_named(rig_with_windows: Rig) -> None:
    with enrol(rig_with_windows, 3) as fleet:
        (fleet.devices[1].folder / "events.jsonl").write_bytes(b"rust\n")
        with pytest.raises(Exception, match=r"events\.jsonl is damaged"):
            fleet.run(until(100))


def test_what_stop_raises_ends_the_run(rig_with_windows: Rig) -> None:
    def stop(_: FleetCounts) -> bool:
        raise KeyboardInterrupt

    n_threads = threading.active_count()
    with enrol(rig_with_windows, 2) as fleet, pytest.raises(KeyboardInterrupt):
        fleet.run(stop)
    assert threading.active_count() <= n_threads


def test_devices_of_a_fleet_have_seeds_of_their_own() -> None:
    seeds = {device_seed(fleet, number) for fleet in range(3) for number in range(50)}
    assert len(seeds) == 150
    assert device_seed(3, 7) == device_seed(3, 7)


def test_the_same_seed_makes_the_same_first_updates(rig: Rig, tmp_path: Path) -> None:
    def first_updates(name: str) -> set[str]:
        rig.service.updates.clear()
        rig.service.keys.clear()
        with enrol(replace(rig, folder=tmp_path / name), 4) as fleet:
            for device in fleet.devices:
                assert isinstance(device.take_part(1.0), Accepted)
        return {hashlib.sha256(body).hexdigest() for body in rig.service.updates.values()}

    assert first_updates("one") == first_updates("two")


def test_any_user_id_makes_a_folder_name() -> None:
    ids = ["a", "A", ".", "..", "a/b", "😀" * 32, "x" * 128, "con", ""]
    names = [folder_name(user_id) for user_id in ids]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(name.isascii() and name.replace("-", "").isalnum() for name in names)


def test_an_assignment_is_counted_once_however_often_it_is_granted() -> None:
    tally = Tally()
    tally.add(0, Failed(reason="r", detail="", until=1.0, granted="a"))
    tally.add(0, Failed(reason="r", detail="", until=1.0, granted="a"))
    tally.add(0, Accepted(receipt=RECEIPT, replayed=True, until=1.0))
    counts = tally.counts()
    assert (counts.granted, counts.accepted, counts.replays, counts.drop_outs) == (1, 1, 1, 0)
    assert (counts.attempts, counts.failures) == (3, 2)


def test_an_assignment_without_a_receipt_is_a_drop_out() -> None:
    tally = Tally()
    tally.add(0, Dropped(reason="r", detail="", until=1.0, granted="a"))
    tally.add(1, Declined(reason="r", detail="", until=1.0, granted="b"))
    tally.add(2, Failed(reason="r", detail="", until=1.0, granted="c"))
    tally.add(2, Failed(reason="r", detail="", until=1.0, granted="d"))  # the lease of c ran out
    tally.add(3, Dropped(reason="r", detail="", until=1.0))  # of a check-in: nothing was held
    tally.add(4, Waits(until=1.0))
    counts = tally.counts()
    assert (counts.granted, counts.drop_outs) == (4, 3)
    assert (counts.dropped, counts.declined, counts.failures, counts.waits) == (2, 1, 2, 1)
