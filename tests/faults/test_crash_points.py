"""SIGKILL at every named crash point, each time with devices at work: F1 and F2."""

import pytest

from app.crash_points import CRASH_POINTS, CrashPoint
from tests.faults.cluster import kind_that_dies
from tests.faults.fault_table import STORES, FaultTable
from tests.faults.fault_world import FaultWorld

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
        world.crowd.n_asking = None
        recovery = world.restart(fallen)
        world.check()
        table.note("F1", f"`kill -9` at `{point}`", world.store, recovery)
