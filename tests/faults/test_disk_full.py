"""No room for blobs, nor for SQLite's file: refused as an outage, and nothing half-written, F14."""

import time

import pytest

from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.recovery import Recovery

pytestmark = pytest.mark.faults

NAMES = {"sqlite": "disk full under blobs and database", "postgres": "disk full under blobs"}
FULL_S = 2.0
SAID = ("store_full", "No space left", "disk is full", "disk I/O error", "store_away")


def test_everything_goes_on_once_there_is_room(
    world: FaultWorld, table: FaultTable, repetitions: int
) -> None:
    name = NAMES[world.store]
    if world.disk.why_not is not None:
        table.note_not_run("F14", name, world.store, world.disk.why_not)
        pytest.skip(world.disk.why_not)
    for _ in range(repetitions):
        over = time.monotonic() + FULL_S
        try:
            while time.monotonic() < over:
                world.disk.fill()
                time.sleep(0.01)
        finally:
            world.disk.free()
        over = time.monotonic()
        wall_s = world.recovered_after(over, "replica")
        world.recovered_after(over, "coordinator")
        world.check()
        # Whether devices or the coordinator met it is chance: none writes all the time.
        said = world.cluster.ends_of_logs()
        assert any(words in said for words in SAID), "nobody noticed"
        table.note("F14", name, world.store, Recovery(wall_s))
