"""A disk with commit semantics: only what `commit` wrote survives a crash. Rows are immutable."""

import hashlib
from collections.abc import Mapping
from typing import Any

from federation.canonical import digest

TABLES = ("rounds", "assignments", "updates", "versions", "jobs", "participations", "revoked")
_ABSENT = object()


class Disk:
    """Tables of rows, and blobs, which are durable one by one as files are.

    failing: places where every write ends with a flipped bit, and says that it did not. commits:
    grows with every change. written: (folder, name) -> digests of all bytes ever written there, so
    that a checker sees what was overwritten.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, Any]] = {name: {} for name in TABLES}
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.written: dict[tuple[str, str], set[str]] = {}
        self.failing: set[tuple[str, str]] = set()
        self.commits = 0

    def begin(self) -> "Transaction":
        return Transaction(self)

    def put_blob(self, folder: str, name: str, body: bytes) -> str:
        """Store `body` whole; its digest."""
        self.blobs[folder, name] = flipped(body) if (folder, name) in self.failing else body
        self.written.setdefault((folder, name), set()).add(digest(body))
        self.commits += 1
        return digest(body)

    def names(self, folder: str) -> list[str]:
        return sorted(name for place, name in self.blobs if place == folder)

    def state_hash(self) -> str:
        """One hash of all that is on the disk."""
        rows = {name: sorted(map(repr, table.items())) for name, table in self.tables.items()}
        blobs = sorted((place, hashlib.sha256(b).hexdigest()) for place, b in self.blobs.items())
        return hashlib.sha256(repr((rows, blobs)).encode()).hexdigest()


def flipped(body: bytes) -> bytes:
    """The bytes with one bit of the last one the other way."""
    return body[:-1] + bytes([body[-1] ^ 1])


class Transaction:
    """Reads see its own writes; nothing of it is on the disk before `commit`.

    It runs within one step of the world, so that no other transaction lies in between: what a
    database's row locks and isolation give is assumed here, and tested on real ones elsewhere.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._writes: dict[str, dict[Any, Any]] = {}

    def get(self, table: str, key: Any) -> Any:
        """The row, or None."""
        found = self._writes.get(table, {}).get(key, self._disk.tables[table].get(key))
        return None if found is _ABSENT else found

    def rows(self, table: str) -> Mapping[Any, Any]:
        """All rows, by key."""
        stored = self._disk.tables[table]
        if table not in self._writes:
            return stored
        merged = stored | self._writes[table]
        return {key: row for key, row in merged.items() if row is not _ABSENT}

    def put(self, table: str, key: Any, row: Any) -> None:
        self._writes.setdefault(table, {})[key] = row

    def delete(self, table: str, key: Any) -> None:
        self._writes.setdefault(table, {})[key] = _ABSENT

    def commit(self) -> None:
        for name, writes in self._writes.items():
            table = self._disk.tables[name]
            for key, row in writes.items():
                if row is _ABSENT:
                    table.pop(key, None)
                else:
                    table[key] = row
        self._disk.commits += bool(self._writes)
        self._writes = {}
