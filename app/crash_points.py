"""Named places where a process may die, so that tests can let it die exactly there.

In production `crash_point` does nothing. With TWOFOLD_CRASH_DIR set, a file in that folder that
bears a point's name arms it: the process that reaches the point takes the file away and ends by
SIGKILL, as the kernel's own out-of-memory killer would end it. One file is one death.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

CRASH_DIR_VARIABLE = "TWOFOLD_CRASH_DIR"

CrashPoint = Literal[
    "grant_before_commit",
    "grant_after_commit",
    "upload_before_blob",
    "upload_after_blob",
    "upload_before_commit",
    "upload_after_commit",
    "close_before_commit",
    "close_after_commit",
    "reduce_before_part",
    "reduce_after_part",
    "reduce_before_sum",
    "reduce_after_sum",
    "reduce_after_commit",
    "gate_before_candidate",
    "gate_after_candidate",
    "publish_before_commit",
    "publish_after_commit",
    "open_before_commit",
    "open_after_commit",
    "sweep_before_delete",
    "standing_before_commit",
    "standing_after_commit",
    "rollback_after_candidate",
    "rollback_before_commit",
    "rollback_after_commit",
    "order_before_commit",
    "order_after_commit",
]
CRASH_POINTS: tuple[CrashPoint, ...] = get_args(CrashPoint)


def _handler() -> Callable[[CrashPoint], None] | None:
    folder = os.environ.get(CRASH_DIR_VARIABLE)
    return None if not folder else _killer(Path(folder))


def _killer(folder: Path) -> Callable[[CrashPoint], None]:
    def die_if_armed(name: CrashPoint) -> None:
        try:
            (folder / name).unlink()
        except FileNotFoundError:  # not armed, or another process was first
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return die_if_armed


_reached = _handler()


def crash_point(name: CrashPoint) -> None:
    """A place where this process may end."""
    if _reached is not None:
        _reached(name)
