"""`twofold migrate` while rounds run: F24, as far as there is one release only."""

import subprocess
import time

import pytest

from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.processes import TWOFOLD
from tests.faults.recovery import Recovery

pytestmark = pytest.mark.faults


def test_rounds_go_on(world: FaultWorld, table: FaultTable, repetitions: int) -> None:
    environment = world.cluster.of_kind("coordinator")[0].environment
    for _ in range(repetitions):
        done = subprocess.run([*TWOFOLD, "migrate"], env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr
        recovery = Recovery(world.recovered_after(time.monotonic(), "replica"))
        world.check()
        table.note("F24", "`twofold migrate` while rounds run", world.store, recovery)
