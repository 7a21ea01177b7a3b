"""The coordinator as a process: `twofold coordinate`."""

import asyncio
import contextlib
import signal
import sys

import numpy as np
import structlog
import torch

from app.clock import system_clock
from app.coordinator.tick import Coordinator, run_forever
from app.settings import Settings
from app.wiring import build_state


async def coordinate(settings: Settings, redis_url: str) -> None:
    """Tick until SIGTERM or SIGINT."""
    # One thread: the published table is then the same on every run of one torch build.
    torch.set_num_threads(1)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    state = build_state(settings, redis_url, system_clock)
    coordinator = Coordinator(state, np.random.default_rng())
    ticking = asyncio.create_task(run_forever(coordinator.tick, settings.tick_s))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ticking.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
    finally:
        await state["cache"].close()
        await state["database"].close()
