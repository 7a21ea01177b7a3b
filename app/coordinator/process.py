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


def configure_log() -> None:
    """One line per event, on stderr; tracebacks without locals, which hold secrets and user ids."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


async def coordinate(settings: Settings, redis_url: str) -> None:
    """Tick until SIGTERM or SIGINT."""
    # One thread: the published table is then the same on every run of one torch build.
    torch.set_num_threads(1)
    configure_log()
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
