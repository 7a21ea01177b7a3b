"""SIGKILL at every named crash point, each time with devices at work: F1 and F2."""

import time

import pytest

from app.crash_points import CRASH_POINTS, CrashPoint
from tests.faults.cluster import kind_that_dies
from tests.faults.fault_table import STORES, FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.processes import is_alive
from tests.faults.recovery import Fallen

pytestmark = pytest.mark.faults

# Full rounds close with their last update and open the next one as they publish. These points are
# reached by rounds that wait for their deadline: with a quorum they close, with less they end and
# another one is opened.
N_ASKING = {"close": 5, "open": 2}


def is_due(point: CrashPoint, store: str, repetitions: int) -> bool:
    """Where each point is visited once only, it is on one store after the other."""
    return repetitions > 1 or CRASH_POINTS.index(point) % 2 == STORES.index(store)


def test_every_point_belongs_to_a_kind_of_process() -> None:
    assert {kind_that_dies(point) for point in CRASH_POINTS} <= {"replica", "coordinator"}


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_there(
    world: FaultWorld, table: FaultTable, repetitions: int, point: CrashPoint
) -> None:
    if not is_due(point, world.store, repetitions):
        pytest.skip("in the short run each point is visited on one store; `make faults` does both")
    for _ in range(repetitions):
        world.crowd.n_asking = N_ASKING.get(point.split("_", 1)[0])
        fallen = world.kill_at(point)
        assert fallen.kind == kind_that_dies(point)
        # A replica is gone; of a coordinator the parent lives, and restarts nothing by hand.
        assert fallen.process.is_running == (fallen.kind == "coordinator")
        world.crowd.n_asking = None
        recovery = world.restart(fallen)
        world.check()
        table.note("F1", f"`kill -9` at `{point}`", world.store, recovery)


def test_a_warm_parent_is_killed(world: FaultWorld, table: FaultTable, repetitions: int) -> None:
    (process,) = world.cluster.of_kind("coordinator")
    for _ in range(repetitions):
        world.wait_for(lambda: process.worker is not None, "the coordinator has no worker")
        worker, n_caught_up = process.worker, process.n_caught_up
        assert worker is not None
        process.kill()
        fallen = Fallen(process, time.monotonic(), n_caught_up)
        world.wait_for(lambda pid=worker: not is_alive(pid), "the worker outlived its parent")  # type: ignore[misc]
        recovery = world.restart(fallen)
        world.check()
        table.note("F1", "`kill -9` of the coordinator's parent", world.store, recovery)
