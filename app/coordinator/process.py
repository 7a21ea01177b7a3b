"""The coordinator as a process: `twofold coordinate`."""

import numpy as np
import torch

from app.clock import system_clock
from app.coordinator.tick import Coordinator
from app.coordinator.ticking import configure_log, tick_until_ended
from app.settings import Settings
from app.wiring import build_state


async def coordinate(settings: Settings, redis_url: str, name: str) -> None:
    """Tick until SIGTERM or SIGINT. name: the dead predecessor's too, if there was one."""
    # One thread: the published table is then the same on every run of one torch build.
    torch.set_num_threads(1)
    configure_log()
    state = build_state(settings, redis_url, system_clock)
    coordinator = Coordinator(state, np.random.default_rng(), name)
    await tick_until_ended(state, coordinator.tick)
