"""Three replicas and two coordinators, none special: 500 devices behind a plain proxy, and F2."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.crash_points import CRASH_POINTS, CrashPoint
from tests.faults.background import Background
from tests.faults.cluster import kind_that_dies
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld, Recovery
from tests.faults.opening import open_world
from tests.faults.postgres import PostgresServer

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

N_DEVICES = 500
ROUNDS = 3
SETTINGS = {
    "TWOFOLD_ROUND_COHORT_TARGET": "100",
    "TWOFOLD_ROUND_COHORT_MIN": "50",
    "TWOFOLD_ROUND_DEADLINE_S": "20",
    "TWOFOLD_ROUND_LEASE_S": "10",
    "TWOFOLD_RETRY_WINDOW_S": "0.5,5",
}
# Reached by full rounds as well; the others have their turn in test_crash_points.
STANDBY_POINTS: tuple[CrashPoint, ...] = (
    "reduce_before_sum",
    "reduce_after_sum",
    "gate_after_candidate",
    "publish_before_commit",
    "publish_after_commit",
)


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory,
    background: Background,
    fault_postgres: PostgresServer,
) -> Iterator[FaultWorld]:
    """All of them over one Postgres and one Redis."""
    counts = {"replica": 3, "coordinator": 2}
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("replicas")
        found = open_world(
            stack, folder, background, counts, fault_postgres, SETTINGS, is_cuttable=False
        )
        found.begin(N_DEVICES)
        stack.callback(found.end)
        yield found


def test_every_round_is_right(replicas: FaultWorld, table: FaultTable, repetitions: int) -> None:
    assert replicas.balancer is not None
    before, began = replicas.published(), time.monotonic()
    replicas.wait_for(
        lambda: replicas.published() >= before + ROUNDS * repetitions, "rounds are not published"
    )
    took_s = time.monotonic() - began
    checked = replicas.check()
    served = replicas.balancer.served
    assert min(served) > sum(served) / 4, f"requests went astray: {served}"
    table.facts.append(
        f"Three replicas and two coordinators on one Postgres and one Redis, {N_DEVICES} devices, "
        f"requests dealt in turn ({', '.join(map(str, served))}): {checked.published} rounds with "
        f"{checked.receipts} receipts, every one right; {took_s:.0f} s."
    )


def test_the_other_coordinator_goes_on(
    replicas: FaultWorld, table: FaultTable, repetitions: int
) -> None:
    # In the short run two of the points, in the long one all of them, again and again.
    for point in (STANDBY_POINTS * repetitions)[: 2 if repetitions == 1 else None]:
        fallen = replicas.kill_at(point)
        recovery = Recovery(replicas.recovered_after(time.monotonic(), "coordinator"))
        fallen.start()
        replicas.check()
        name = f"one of two coordinators killed at `{point}`"
        table.note("F2", name, "postgres", recovery)


def test_a_frozen_coordinator_is_superseded(
    replicas: FaultWorld, table: FaultTable, repetitions: int
) -> None:
    for number in range(repetitions):
        frozen = replicas.cluster.of_kind("coordinator")[number % 2]
        frozen.freeze()
        try:
            recovery = Recovery(replicas.recovered_after(time.monotonic(), "coordinator"))
        finally:
            frozen.thaw()
        replicas.recovered_after(time.monotonic(), "coordinator")
        replicas.check()
        table.note("F2", "one of two coordinators frozen, then thawed", "postgres", recovery)


def test_the_other_replicas_go_on(
    replicas: FaultWorld, table: FaultTable, repetitions: int
) -> None:
    for number in range(repetitions):
        killed = replicas.cluster.of_kind("replica")[number % 3]
        killed.kill()
        recovery = Recovery(replicas.recovered_after(time.monotonic(), "replica"))
        killed.start()
        replicas.cluster.wait_until_ready(number % 3)
        replicas.check()
        table.note("F1", "one of three replicas killed at work", "postgres", recovery)


def test_points_are_the_coordinators() -> None:
    assert set(STANDBY_POINTS) <= set(CRASH_POINTS)
    assert {kind_that_dies(point) for point in STANDBY_POINTS} == {"coordinator"}
