"""Devices against the small service of the tests, over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.python.transport import Timeouts, Transport
from tests.clients.made_up_model import World
from tests.clients.rounds_service import Rig, Running, Service


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """One server for the session."""
    server = Running(Service())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rig(running: Running, tmp_path: Path) -> Iterator[Rig]:
    """A service of the test's own and a folder for its devices; the server is up at the end."""
    running.service = Service()
    waits = Timeouts(connect_s=2.0, read_s=5.0, write_s=5.0, pool_s=5.0)
    with Transport(waits) as transport:
        yield Rig(running, tmp_path, transport)
    if not running.is_up():  # a test that failed during an outage
        running.start()


@pytest.fixture
def world() -> World:
    """A model on its own."""
    return World()
