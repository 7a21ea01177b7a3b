"""Two coordinators at once: one dies or freezes, the other goes on, no round is made twice: F2."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.crash_points import CrashPoint
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.recovery import Recovery

pytestmark = pytest.mark.faults

POINTS: tuple[CrashPoint, ...] = (
    "publish_before_commit",
    "reduce_after_sum",
    "reduce_before_sum",
    "gate_after_candidate",
    "publish_after_commit",
)


@pytest.fixture
def pair(world: FaultWorld) -> Iterator[FaultWorld]:
    """The world with a second coordinator, which has shown that it is at work."""
    second = world.cluster.add("coordinator")
    second.start()
    world.wait_for(lambda: "round_moved" in second.end_of_log(), "the second does nothing")
    yield world
    world.cluster.remove(second)


def wait_for_workers(world: FaultWorld) -> None:
    """A coordinator that died before may have its successor only after a pause."""
    found = world.cluster.of_kind("coordinator")
    world.wait_for(lambda: all(one.worker for one in found), "a coordinator has no worker")


@contextmanager
def no_successors(world: FaultWorld) -> Iterator[None]:
    """The parents of both workers frozen: a dead one has no successor, only the other goes on."""
    coordinators = world.cluster.of_kind("coordinator")
    wait_for_workers(world)
    for one in coordinators:
        one.freeze_parent()
    try:
        yield
    finally:
        for one in coordinators:
            one.thaw_parent()


def test_the_other_goes_on(pair: FaultWorld, table: FaultTable, repetitions: int) -> None:
    # In the short run two of the points, in the long one all of them, again and again.
    for point in (POINTS * repetitions)[: 2 if repetitions == 1 else None]:
        with no_successors(pair):
            fallen = pair.kill_at(point)
            wall_s = pair.finished_after(fallen.at)
            recovery = Recovery(wall_s, next_s=pair.recovered_after(fallen.at, "coordinator"))
        pair.check()
        name = f"one of two coordinators killed at `{point}`, its parent frozen"
        table.note("F2", name, pair.store, recovery)


def test_a_frozen_one_finds_out(pair: FaultWorld, table: FaultTable, repetitions: int) -> None:
    for number in range(repetitions):
        frozen = pair.cluster.of_kind("coordinator")[number % 2]
        wait_for_workers(pair)
        frozen.freeze()
        time.sleep(1.0)
        frozen.thaw()
        recovery = Recovery(pair.recovered_after(time.monotonic(), "coordinator"))
        pair.check()
        name = "one of two coordinators frozen for a second"
        table.note("F2", name, pair.store, recovery)
