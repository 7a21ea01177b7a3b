"""A version as the coordinator holds it: its table, and what training goes on from."""

import json
from dataclasses import dataclass

import numpy as np

from app.coordinator.repository import VersionRow
from app.models.publish import Catalogue
from app.models.served_model import Counts, read_model
from app.store.blobs import BlobStore, digest_of
from recsys.arrays import Ints
from recsys.item_table import ItemTable
from recsys.server_state import from_bytes
from recsys.server_step import ServerState

FOLDER = "models"
NO_COUNTS = Counts(np.zeros(0, np.int64), np.zeros(0, np.int64))


class ModelLostError(Exception):
    """A version's blobs are gone or damaged. Of the newest one, an operator must restore them."""


@dataclass(frozen=True)
class Model:
    """A published version.

    table: as published, read from its shards; state: tower, scalars and optimiser. The table is not
    computed from the tower again: a product over more rows may round the old ones differently.
    origin: the version whose training made the rows.
    """

    version: int
    origin: int
    chain: str
    manifest_digest: str
    catalogue_digest: str
    event_types: tuple[str, ...]
    catalogue: Catalogue
    table: ItemTable
    state: ServerState

    @property
    def live(self) -> Ints:
        """Rows that hold an item on offer, (n,) int64, sorted."""
        return np.asarray([row for row, _ in self.catalogue.rows], np.int64)


def load_model(blobs: BlobStore, row: VersionRow) -> Model:
    """Read a version from its blobs.

    Raises: ModelLostError, or ModelUnreadable from its shards.
    """
    manifest = json.loads(row.manifest)
    served = read_model(blobs, row.manifest, NO_COUNTS)
    body = blobs.get(FOLDER, row.model_digest)
    if body is None or digest_of(body) != row.model_digest:
        raise ModelLostError(f"models/{row.model_digest} of version {row.id}")
    pairs = sorted((r, item_id) for item_id, r in served.row_of.items())
    return Model(
        version=row.id,
        origin=row.origin,
        chain=row.chain,
        manifest_digest=row.manifest_digest,
        catalogue_digest=manifest["catalogue"]["digest"],
        event_types=served.event_types,
        catalogue=Catalogue(served.catalogue_revision, tuple(pairs)),
        table=served.table,
        state=from_bytes(body),
    )
