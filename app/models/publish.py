"""What a model version consists of outside the database: shards, catalogue map, manifest.

Everything is written before the transaction that publishes the version, and named by its content:
writing it twice is the same as writing it once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.models.shards import SHARD_ROWS, write_shards
from app.store.blobs import BlobStore
from federation.canonical import canonical_json
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars

CATALOGUES = "catalogues"


@dataclass(frozen=True)
class Catalogue:
    """Live items by row, and the revision of the catalogue that this is. rows: sorted by row."""

    revision: int
    rows: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class VersionContent:
    """What a version says. kind: see `federation.audit.KINDS`; a round's has its round."""

    version: int
    parent: int | None
    kind: str
    round_id: int | None
    table: ItemTable
    scalars: SharedScalars
    event_types: Sequence[str]
    catalogue: Catalogue


def write_version(blobs: BlobStore, content: VersionContent) -> bytes:
    """Store shards and catalogue map; the manifest's canonical bytes."""
    scalars = content.scalars.to_vector()
    return canonical_json(
        {
            "version": content.version,
            "parent": content.parent,
            "kind": content.kind,
            "round": content.round_id,
            "dim": content.table.dim,
            "history_length": content.scalars.history_length,
            "event_types": list(content.event_types),
            "n_rows": content.table.n_rows,
            "n_items": len(content.catalogue.rows),
            "scalars": [float(value) for value in scalars],
            "catalogue": write_catalogue(blobs, content.catalogue),
            "heads": write_shards(blobs, content.table),
            "shard_rows": SHARD_ROWS,
            "catalogue_revision": content.catalogue.revision,
        }
    )


def write_catalogue(blobs: BlobStore, catalogue: Catalogue) -> dict[str, str | int]:
    """Store the id-to-row map; how the manifest names it."""
    body = canonical_json({"rows": [list(pair) for pair in catalogue.rows]})
    return {"digest": blobs.put_content(CATALOGUES, body), "bytes": len(body)}
