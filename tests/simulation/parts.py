"""What a world is built of, so that a variant of one part can be put in its place."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.coordinator import Coordinator
from tests.simulation.server import Server
from tests.simulation.shell import Shell


@dataclass(frozen=True)
class Parts:
    """Makes a server, and a coordinator by its name."""

    server: Callable[[Shell], Server] = Server
    coordinator: Callable[[Shell, str], Coordinator] = Coordinator


SOUND = Parts()
