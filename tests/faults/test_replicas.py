"""Three replicas and two coordinators, none special, behind a plain proxy: every round is right."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.background import Background
from tests.faults.conftest import REPETITIONS
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.opening import open_world
from tests.faults.postgres import PostgresServer
from tests.faults.recovery import Recovery

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

# The short run has fewer devices, so that it costs no minutes of processor time.
N_DEVICES, COHORT = (100, 20) if REPETITIONS == 1 else (500, 100)
ROUNDS = 3
SETTINGS = {
    "TWOFOLD_ROUND_COHORT_TARGET": str(COHORT),
    "TWOFOLD_ROUND_COHORT_MIN": str(COHORT // 2),
    "TWOFOLD_ROUND_DEADLINE_S": "20",
    "TWOFOLD_ROUND_LEASE_S": "10",
    "TWOFOLD_RETRY_WINDOW_S": "0.5,5",
}


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
