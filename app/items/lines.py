"""Newline-delimited JSON, taken apart while it arrives."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

LINE_BYTES_MAX = 256 * 1024
"""An item at every one of its limits, in six-byte escapes, stays well below."""


@dataclass(frozen=True)
class Line:
    """number: from 1. body: None when the line is longer than LINE_BYTES_MAX."""

    number: int
    body: bytes | None


class LineSplitter:
    """Bytes in, complete lines out; holds one unfinished line and never more than its limit."""

    def __init__(self, bytes_max: int = LINE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()
        self._too_long = False
        self._number = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that `chunk` completes."""
        *ends, rest = chunk.split(b"\n")
        lines = []
        for end in ends:
            self._grow(end)
            lines.append(self._cut())
        self._grow(rest)
        return lines

    def finish(self) -> list[Line]:
        """The last line, when no newline ended it."""
        return [self._cut()] if self._rest or self._too_long else []

    def _grow(self, part: bytes) -> None:
        self._too_long = self._too_long or len(self._rest) + len(part) > self._bytes_max
        if self._too_long:
            self._rest.clear()
        else:
            self._rest += part

    def _cut(self) -> Line:
        self._number += 1
        line = Line(self._number, None if self._too_long else bytes(self._rest))
        self._rest.clear()
        self._too_long = False
        return line


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """Every line of a streamed body that is not blank."""
    splitter = LineSplitter()
    async for chunk in chunks:
        for line in splitter.feed(chunk):
            if line.body is None or line.body.strip():
                yield line
    for line in splitter.finish():
        if line.body is None or line.body.strip():
            yield line
