"""A model version as a worker ranks with it: dense, immutable, read from its manifest and blobs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from app.store.blobs import BlobStore, digest_of
from recsys.arrays import Bools, Floats, Ints
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars

HEADS = {"target": ("target", "bias"), "context": ("context_long", "context_short")}
UNREADABLE = (KeyError, TypeError, ValueError, SafetensorError)


class ModelUnreadableError(Exception):
    """A version's blobs are missing, damaged or not finite; the version before stays in use."""


@dataclass(frozen=True)
class Counts:
    """How often hosted users touched each row: rows (n,) int64, events (n,) int64."""

    rows: Ints
    events: Ints


@dataclass(frozen=True)
class ServedModel:
    """One version; rows that hold no item are zero.

    live: (n_rows,) rows that held an item when the version was made. row_of, id_of: these rows'
    items. popularity: (n_rows,) float32, events of hosted users. popular_rows: (n_live,), most
    popular first: by popularity, then by the learnt bias.
    """

    version: int
    table: ItemTable
    scalars: SharedScalars
    live: Bools
    event_types: tuple[str, ...]
    row_of: Mapping[str, int]
    id_of: Sequence[str | None]
    popularity: Floats
    popular_rows: Ints
    catalogue_revision: int

    def with_counts(self, counts: Counts) -> "ServedModel":
        """The same version with newer event counts."""
        known = counts.rows < self.table.n_rows
        popularity = np.zeros(self.table.n_rows, np.float32)
        popularity[counts.rows[known]] = counts.events[known]
        rows = np.flatnonzero(self.live)
        order = np.lexsort((rows, -self.table.bias[rows], -popularity[rows]))
        return replace(self, popularity=popularity, popular_rows=rows[order])


def read_model(blobs: BlobStore, manifest: bytes, counts: Counts) -> ServedModel:
    """Read the version that a manifest names: float32 shards, scalars, catalogue map.

    Raises: ModelUnreadableError.
    """
    try:
        return _read(blobs, json.loads(manifest), counts)
    except UNREADABLE as error:
        raise ModelUnreadableError(f"{type(error).__name__}: {error}") from error


def _read(blobs: BlobStore, manifest: Mapping[str, Any], counts: Counts) -> ServedModel:
    n_rows, event_types = int(manifest["n_rows"]), tuple(manifest["event_types"])
    scalars = np.asarray(manifest["scalars"], np.float32)
    table = _read_table(blobs, manifest, n_rows)
    live, row_of, id_of = _read_catalogue(blobs, manifest, n_rows)
    model = ServedModel(
        version=int(manifest["version"]),
        table=table,
        scalars=SharedScalars.from_vector(scalars, manifest["history_length"], len(event_types)),
        live=live,
        event_types=event_types,
        row_of=row_of,
        id_of=id_of,
        popularity=np.zeros(n_rows, np.float32),
        popular_rows=np.zeros(0, np.int64),
        catalogue_revision=int(manifest["catalogue_revision"]),
    )
    _require_finite(table.target, table.context_long, table.context_short, table.bias, scalars)
    return model.with_counts(counts)


def _read_table(blobs: BlobStore, manifest: Mapping[str, Any], n_rows: int) -> ItemTable:
    dim = int(manifest["dim"])
    dense: dict[str, Floats] = {
        name: np.zeros(n_rows if name == "bias" else (n_rows, dim), np.float32)
        for names in HEADS.values()
        for name in names
    }
    for head, names in HEADS.items():
        for shard in manifest["heads"][head]["float32"]:
            tensors = load(_blob(blobs, "shards", shard["digest"]))
            first, n = int(shard["first_row"]), int(shard["n_rows"])
            for name in names:
                # numpy would broadcast a single row over the whole range
                if tensors[name].shape != dense[name][first : first + n].shape:
                    raise ValueError(f"shard {shard['digest']}: {name} does not fit its rows")
                dense[name][first : first + n] = tensors[name]
    for array in dense.values():
        array.setflags(write=False)
    return ItemTable(**dense)


def _read_catalogue(
    blobs: BlobStore, manifest: Mapping[str, Any], n_rows: int
) -> tuple[Bools, dict[str, int], list[str | None]]:
    pairs = json.loads(_blob(blobs, "catalogues", manifest["catalogue"]["digest"]))["rows"]
    live = np.zeros(n_rows, bool)
    id_of: list[str | None] = [None] * n_rows
    for row, item_id in pairs:
        if not 0 <= row < n_rows:
            raise ValueError(f"the catalogue names row {row} of {n_rows}")
        live[row], id_of[row] = True, item_id
    return live, {item_id: row for row, item_id in pairs}, id_of


def _blob(blobs: BlobStore, folder: str, digest: str) -> bytes:
    body = blobs.get(folder, digest)
    if body is None:
        raise ValueError(f"{folder}/{digest} is missing")
    if digest_of(body) != digest:
        raise ValueError(f"{folder}/{digest} is damaged")
    return body


def _require_finite(*arrays: Floats) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("the version holds values that are not finite")
