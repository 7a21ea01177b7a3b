"""What every list is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ListRequest:
    """limit: most items. exclude: item ids, unknown ones are no matter. reasons: whether wanted."""

    limit: int
    exclude: Sequence[str] = ()
    reasons: bool = True
