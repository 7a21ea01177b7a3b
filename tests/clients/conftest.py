"""Devices against the small service of the tests, over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.python.transport import Timeouts, Transport
from tests.clients.made_up_model import World
from tests.clients.rounds_service import Rig, Running, Service


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A service of the tests and a folder for devices."""
    running = Running(Service())
    running.start()
    waits = Timeouts(connect_s=2.0, read_s=5.0, write_s=5.0, pool_s=5.0)
    with Transport(waits) as transport:
        yield Rig(running, tmp_path, transport)
    running.stop()


@pytest.fixture
def world() -> World:
    """A model on its own."""
    return World()
