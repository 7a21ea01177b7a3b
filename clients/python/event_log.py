"""What the user did, kept on the device: an append-only file of JSON lines, oldest append first.

A line counts once its newline is written. A crash in the middle of an append leaves a last line
without one: readers leave it out, and the next append cuts it off.
"""

import contextlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from clients.python.durable_files import PRIVATE_MODE, CorruptedStateError, sync_folder
from recsys.datasets.interactions import Event

try:
    import fcntl
except ImportError:  # Windows: appends of two processes at once are not kept apart there
    fcntl = None  # type: ignore[assignment]

ID_BYTES_MAX = 128  # the service's own limit
TYPE_BYTES_MAX = 64


class EventLog:
    """The events of one user. Several processes may append and read at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._events: tuple[Event, ...] = ()

    def append(self, events: Iterable[Event]) -> None:
        """Add events; they are on the disk when this returns.

        Raises: ValueError for an event that no service would take; nothing is added then.
        """
        lines = "".join(_line(event) for event in events).encode()
        if not lines:
            return
        new = not self._path.exists()
        with self._locked() as file:
            file.truncate(_complete_bytes(file))
            file.seek(0, os.SEEK_END)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(self._path.parent)

    def read(self) -> tuple[Event, ...]:
        """All events, oldest first; those of the same time in the order of their appends.

        Raises: CorruptedStateError, naming the line.
        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen != self._read_at:
            events = [self._parse(n, line) for n, line in enumerate(self._lines(), 1)]
            self._events = tuple(sorted(events, key=lambda event: event.at))
            self._read_at = seen
        return self._events

    def _lines(self) -> list[bytes]:
        return self._path.read_bytes().split(b"\n")[:-1]

    def _parse(self, number: int, line: bytes) -> Event:
        try:
            fields = json.loads(line)
            event = Event(fields["item"], fields["type"], fields["at"])
            _check(event)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CorruptedStateError(self._path, f"line {number} is not an event") from error
        return event

    @contextlib.contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
        with os.fdopen(descriptor, "r+b") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)  # closing the file releases it
            yield file


def _complete_bytes(file: BinaryIO) -> int:
    """Length of the file up to its last newline."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 4096)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _line(event: Event) -> str:
    _check(event)
    fields = {"item": event.item_id, "type": event.type, "at": event.at}
    return json.dumps(fields, ensure_ascii=True, allow_nan=False) + "\n"


def _check(event: Event) -> None:
    _check_text(event.item_id, "item_id", ID_BYTES_MAX)
    _check_text(event.type, "type", TYPE_BYTES_MAX)
    if isinstance(event.at, bool) or not isinstance(event.at, int | float):
        raise ValueError("at: must be a number of Unix seconds")
    if not math.isfinite(event.at):
        raise ValueError("at: must be finite")


def _check_text(value: object, name: str, bytes_max: int) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name}: must be text")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ValueError(f"{name}: must be encodable as UTF-8") from error
    if not 1 <= size <= bytes_max or "\0" in value:
        raise ValueError(f"{name}: must have 1 to {bytes_max} bytes of UTF-8 and no NUL")
