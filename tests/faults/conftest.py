"""A service of real processes for each store, shared by the faults that it must survive.

It lives as long as tests of this folder run, and no longer: its devices never rest, and whatever
else is tested in the same process would be tested beside them.
"""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.background import Background
from tests.faults.fault_table import FaultTable, write_between
from tests.faults.fault_world import FaultWorld
from tests.faults.opening import open_world
from tests.faults.postgres import PostgresServer

REPETITIONS = int(os.environ.get("TWOFOLD_FAULT_REPETITIONS", "1"))
# Stores, disks and networks that fail take minutes, and a busy machine's patience with them.
AT_LENGTH = {
    "test_disk_full",
    "test_migrating",
    "test_network_cut",
    "test_postgres_faults",
    "test_redis",
    "test_uploads",
}
N_DEVICES = 24
COUNTS = {"replica": 1, "coordinator": 1}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what fails for minutes to `make faults`; deaths of processes are for every run."""
    if "TWOFOLD_FAULT_REPETITIONS" in os.environ:
        return
    for item in items:
        if item.path.parent.name == "faults" and item.path.stem in AT_LENGTH:
            item.add_marker(pytest.mark.skip(reason="runs in `make faults`"))


@pytest.fixture(scope="session")
def repetitions() -> int:
    """How often each fault is made; `make faults` makes more of them than `make test`."""
    return REPETITIONS


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[FaultTable]:
    """What this session finds; written to the page that TWOFOLD_FAULT_TABLE names."""
    found = FaultTable()
    cores, system = os.cpu_count(), platform.system()
    found.facts.append(f"`make faults REPETITIONS={REPETITIONS}`, {cores} cores, {system}.")
    yield found
    page = os.environ.get("TWOFOLD_FAULT_TABLE")
    if page:
        write_between(Path(page), found.lines())
        reporter = request.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line("\n" + "\n".join(found.lines()))


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    """The loop of devices, proxies and queries."""
    with Background() as running:
        yield running


@pytest.fixture(scope="session")
def fault_postgres() -> Iterator[PostgresServer]:
    """A Postgres that may be crashed. Not in pytest's folder, which is closed to its user."""
    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


STORE_PARAMS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="package", params=STORE_PARAMS)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    background: Background,
) -> Iterator[FaultWorld]:
    """One replica and one coordinator with a crowd at work, so that whoever dies is missed."""
    folder = tmp_path_factory.mktemp(request.param)
    postgres = request.getfixturevalue("fault_postgres") if request.param == "postgres" else None
    with ExitStack() as stack:
        found = open_world(stack, folder, background, COUNTS, postgres)
        found.begin(N_DEVICES)
        stack.callback(found.end)
        yield found
