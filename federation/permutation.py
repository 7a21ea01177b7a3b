"""Row numbers: a keyed, bijective shuffle of the order in which items were added.

A row number is public and permanent. The order of arrival would tell which items are new; within
a segment of 1024 it tells nothing to those without the key.
"""

import hmac
import struct
from functools import lru_cache

SEGMENT = 1024
LABEL = b"twofold/row/1"


def keyed_row(key: bytes, sequence: int, segment: int = SEGMENT) -> int:
    """The row of the `sequence`-th item ever added (from 0).

    Rows [s * segment, (s + 1) * segment) belong to the sequence numbers of the same range: the
    table never has a hole larger than a segment. ValueError for a negative sequence.
    """
    if sequence < 0 or segment < 1:
        raise ValueError("sequence must not be negative and segment must be positive")
    index, offset = divmod(sequence, segment)
    return index * segment + _shuffled(key, index, segment)[offset]


# Rows are handed out in sequence, so a few segments at a time are in use.
@lru_cache(maxsize=64)
def _shuffled(key: bytes, index: int, segment: int) -> tuple[int, ...]:
    """The offsets of one segment in the order of their HMAC-SHA256(key, (index, offset))."""
    return tuple(sorted(range(segment), key=lambda offset: _tag(key, index, offset)))


def _tag(key: bytes, index: int, offset: int) -> bytes:
    return hmac.digest(key, LABEL + struct.pack("<QQ", index, offset), "sha256")
