"""The service's machine is cut from its database, or from its devices, without a word: F12."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.background import Background
from tests.faults.conftest import COUNTS, N_DEVICES
from tests.faults.fault_table import FaultTable
from tests.faults.fault_world import FaultWorld
from tests.faults.network import Machine
from tests.faults.opening import open_world
from tests.faults.postgres import PostgresServer
from tests.faults.recovery import Recovery

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

# Far longer than it takes either side to give the other up.
CUT_S = 15.0
NAMES = {
    "back": f"network to Postgres cut for {CUT_S:.0f} s",
    "front": f"network to the devices cut for {CUT_S:.0f} s",
}


@pytest.fixture(scope="module")
def machine(table: FaultTable) -> Iterator[Machine]:
    """Where the service runs."""
    found = Machine()
    found.make()
    if found.why_not is not None:
        for name in NAMES.values():
            table.note_not_run("F12", name, "postgres", found.why_not)
        pytest.skip(found.why_not)
    yield found
    found.remove()


@pytest.fixture(scope="module")
def distant(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory, background: Background
) -> Iterator[FaultWorld]:
    """A service on a machine of its own; its database and its devices are here."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="twofold-"))
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        postgres = PostgresServer(Path(folder), f"127.0.0.1,{machine.near('back')}")
        postgres.start()
        stack.callback(postgres.stop)
        found = open_world(
            stack,
            tmp_path_factory.mktemp("distant"),
            background,
            COUNTS,
            postgres,
            is_cuttable=False,
            machine=machine,
        )
        found.begin(N_DEVICES)
        stack.callback(found.end)
        yield found


@pytest.mark.parametrize("link", NAMES)
def test_nobody_waits_for_ever(
    distant: FaultWorld, machine: Machine, table: FaultTable, repetitions: int, link: str
) -> None:
    for _ in range(repetitions):
        machine.cut(link)
        distant.crowd.longest_s = 0.0
        try:
            time.sleep(CUT_S)
        finally:
            machine.mend(link)
        since = time.monotonic()
        recovery = Recovery(distant.recovered_after(since, "replica"))
        distant.recovered_after(since, "coordinator")
        distant.check()
        if link == "back":  # whoever asked was told in time, and did not wait for the mending
            assert 0.0 < distant.crowd.longest_s < CUT_S - 2.0
        table.note("F12", NAMES[link], "postgres", recovery)
