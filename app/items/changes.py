"""What putting items does to the catalogue: a pure function of what is stored.

Every item gets one row for ever: a tombstoned item that comes back gets its own row again, so that
no row ever means two things in the history of a device.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from federation.permutation import keyed_row

Outcome = Literal["created", "replaced", "unchanged"]


@dataclass(frozen=True)
class CatalogueHead:
    """The catalogue's single record. row_key: 32 bytes that shuffle row numbers."""

    row_key: bytes
    next_sequence: int
    revision: int


@dataclass(frozen=True)
class StoredItem:
    """An item as stored; deleted_at marks a tombstone. Times in Unix seconds."""

    id: str
    row: int
    content: dict[str, Any]
    revision: int
    created_at: float
    updated_at: float
    deleted_at: float | None

    @property
    def is_live(self) -> bool:
        """Whether the item is not a tombstone."""
        return self.deleted_at is None


@dataclass(frozen=True)
class Draft:
    """An item as a client puts it."""

    id: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Changes:
    """head: the catalogue afterwards. written: items to store. outcomes: one per draft."""

    head: CatalogueHead
    written: Mapping[str, StoredItem]
    outcomes: Sequence[Outcome]
    revived_rows: Sequence[int] = field(default=())


def put_drafts(
    head: CatalogueHead, stored: Mapping[str, StoredItem], drafts: Sequence[Draft], now: float
) -> Changes:
    """Put `drafts` in order; an id may come twice, the later one replaces the earlier.

    stored: whatever is stored under the drafts' ids, tombstones included.
    """
    revision, sequence = head.revision + 1, head.next_sequence
    known, written = dict(stored), dict[str, StoredItem]()
    outcomes: list[Outcome] = []
    for draft in drafts:
        old = known.get(draft.id)
        if old is not None and old.is_live and old.content == draft.content:
            outcomes.append("unchanged")
            continue
        outcomes.append("replaced" if old is not None and old.is_live else "created")
        if old is None:
            row = keyed_row(head.row_key, sequence)
            sequence += 1
            new = StoredItem(draft.id, row, draft.content, revision, now, now, None)
        else:
            new = _renewed(old, draft.content, revision, now)
        known[draft.id] = written[draft.id] = new
    moved = CatalogueHead(head.row_key, sequence, revision) if written else head
    revived = [old.row for i in written if (old := stored.get(i)) and not old.is_live]
    return Changes(moved, written, outcomes, revived)


def _renewed(old: StoredItem, content: dict[str, Any], revision: int, now: float) -> StoredItem:
    created_at = old.created_at if old.is_live else now
    return replace(
        old,
        content=content,
        revision=revision,
        created_at=created_at,
        updated_at=now,
        deleted_at=None,
    )


def tombstone(
    head: CatalogueHead, item: StoredItem, now: float
) -> tuple[CatalogueHead, StoredItem]:
    """The catalogue and the item after the item's deletion; its row stays taken."""
    revision = head.revision + 1
    buried = replace(item, revision=revision, updated_at=now, deleted_at=now)
    return replace(head, revision=revision), buried
