"""A reducer dies over its part of a sum: the round waits for that part, and loses nothing."""

from collections.abc import Iterator

import pytest

from app.crash_points import CrashPoint
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.recovery import Recovery

pytestmark = pytest.mark.faults

POINTS: tuple[CrashPoint, ...] = ("reduce_before_part", "reduce_after_part")


@pytest.fixture
def helped(world: FaultWorld) -> Iterator[FaultWorld]:
    """The world with a reducer beside its coordinator."""
    reducer = world.cluster.add("reducer")
    reducer.start()
    yield world
    world.cluster.remove(reducer)


@pytest.mark.parametrize("point", POINTS)
def test_another_sums_the_part(
    helped: FaultWorld, table: FaultTable, repetitions: int, point: CrashPoint
) -> None:
    for _ in range(repetitions):
        fallen = helped.kill_at(point, "reducer")
        assert fallen.kind == "reducer"
        # Whoever is first: its successor, or the coordinator when the hold has run out.
        wall_s = helped.finished_after(fallen.at)
        recovery = Recovery(wall_s, next_s=helped.recovered_after(fallen.at, "coordinator"))
        helped.check()
        table.note("F1", f"reducer killed at `{point}`", helped.store, recovery)
