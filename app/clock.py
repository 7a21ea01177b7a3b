"""The one place that reads the system clock; everything else is given `now`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Returns Unix time in seconds."""


def system_clock() -> float:
    """Unix time in seconds."""
    return time.time()


def rfc3339(at: float) -> str:
    """`at` (Unix seconds) as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
