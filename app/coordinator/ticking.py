"""A process that does what is due, again and again, until it is told to end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog

from app.wiring import State

BACKOFF_S_MAX = 2.0

log = structlog.get_logger()


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


async def tick_until_ended(state: State, tick: Callable[[], Awaitable[None]]) -> None:
    """Tick until SIGTERM or SIGINT, then close the stores."""
    ticking = asyncio.create_task(run_forever(tick, state["settings"].tick_s))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ticking.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
    finally:
        await state["cache"].close()
        await state["database"].close()


async def run_forever(tick: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """Tick until cancelled; a failed tick is logged and tried again after a growing pause.

    Says `caught_up` when the first tick is through: all that was due at the start is done.
    """
    failures, is_first = 0, True
    while True:
        try:
            await tick()
            failures = 0
            if is_first:
                log.info("caught_up")
                is_first = False
        except Exception:  # whatever went wrong, the stores hold all that the next tick needs
            failures += 1
            log.exception("tick_failed", failures=failures)
        await asyncio.sleep(pause_s if not failures else _backoff_s(pause_s, failures))


def _backoff_s(pause_s: float, failures: int) -> float:
    return min(pause_s * 2.0 ** min(failures, 16), BACKOFF_S_MAX)
