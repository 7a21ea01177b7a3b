"""The one place that reads the system clock; everything else is given `now`."""

import re
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


_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_rfc3339(text: str) -> float:
    """Unix seconds, to the millisecond, of an RFC 3339 time from 1970 on.

    Raises: ValueError for any other text; times without a zone are ambiguous and not RFC 3339.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with a zone, such as 2030-01-31T12:00:00Z")
    try:
        at = datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a time of the calendar") from error
    if at < 0:
        raise ValueError("must not lie before 1970")
    return round(at, 3)
