"""The manifest of a model version and the catalogue map it names, read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clients.python.bundle import HISTORY_LENGTH_MAX, read_event_types
from clients.python.tensors import finite_float32
from federation.canonical import digest
from federation.strict_fields import read_object, require_digest, require_int
from recsys.shared_scalars import SharedScalars

HEADS = ("target", "context")
PRECISIONS = ("float32", "float16", "int8")
DIM_MAX = 4096
ROWS_MAX = 2**31 - 1


@dataclass(frozen=True)
class Shard:
    """A range of rows of one head. digest: its name; size_bytes: its length."""

    digest: str
    size_bytes: int
    first_row: int
    n_rows: int


@dataclass(frozen=True)
class Manifest:
    """What a model version is made of. heads: head -> precision -> shards by first row."""

    version: int
    digest: str
    dim: int
    n_rows: int
    event_types: tuple[str, ...]
    scalars: SharedScalars
    catalogue: str
    heads: Mapping[str, Mapping[str, tuple[Shard, ...]]]

    def shards(self, head: str, precision: str) -> tuple[Shard, ...]:
        """The shards of one head. Raises: ValueError when the version does not have them."""
        found = self.heads[head].get(precision)
        if found is None:
            raise ValueError(f"version {self.version} has no {precision} shards of {head}")
        return found


def read_manifest(body: bytes) -> Manifest:
    """The manifest; fields that a newer service may add are left alone. Raises: ValueError."""
    try:
        return _read(read_object(body), digest(body))
    except (KeyError, TypeError) as error:
        raise ValueError(f"manifest: {type(error).__name__}: {error}") from error


def _read(fields: Mapping[str, Any], name: str) -> Manifest:
    event_types = read_event_types(fields["event_types"])
    history_length = require_int(fields["history_length"], "history_length", 1, HISTORY_LENGTH_MAX)
    n_rows = require_int(fields["n_rows"], "n_rows", 0, ROWS_MAX)
    values = finite_float32(np.asarray(fields["scalars"], np.float64), "scalars")
    return Manifest(
        version=require_int(fields["version"], "version", 0),
        digest=name,
        dim=require_int(fields["dim"], "dim", 1, DIM_MAX),
        n_rows=n_rows,
        event_types=event_types,
        scalars=SharedScalars.from_vector(values, history_length, len(event_types)),
        catalogue=require_digest(fields["catalogue"]["digest"], "catalogue.digest"),
        heads={head: _precisions(fields["heads"][head], n_rows) for head in HEADS},
    )


def _precisions(value: Any, n_rows: int) -> dict[str, tuple[Shard, ...]]:
    known = [precision for precision in PRECISIONS if precision in value]
    return {precision: _shards(value[precision], n_rows) for precision in known}


def _shards(value: Any, n_rows: int) -> tuple[Shard, ...]:
    """Shards by first row. Raises: ValueError unless they cover every row exactly once."""
    shards = sorted((_shard(fields) for fields in value), key=lambda shard: shard.first_row)
    end = 0
    for shard in shards:
        if shard.first_row != end:
            raise ValueError(f"shards: row {end} is missing or there twice")
        end += shard.n_rows
    if end != n_rows:
        raise ValueError(f"shards: they hold {end} rows of {n_rows}")
    return tuple(shards)


def _shard(fields: Mapping[str, Any]) -> Shard:
    return Shard(
        digest=require_digest(fields["digest"], "shard.digest"),
        size_bytes=require_int(fields["bytes"], "shard.bytes", 1),
        first_row=require_int(fields["first_row"], "shard.first_row", 0, ROWS_MAX),
        n_rows=require_int(fields["n_rows"], "shard.n_rows", 1, ROWS_MAX),
    )


def read_catalogue(body: bytes) -> dict[str, int]:
    """Item id -> row, of the items on offer. Raises: ValueError."""
    pairs = read_object(body).get("rows")
    if not isinstance(pairs, list):
        raise ValueError("catalogue: rows must be a list")
    row_of: dict[str, int] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], str):
            raise ValueError("catalogue: rows must hold [row, item id]")
        row_of[pair[1]] = require_int(pair[0], "catalogue: row", 0, ROWS_MAX)
    if len(row_of) != len(pairs) or len(set(row_of.values())) != len(pairs):
        raise ValueError("catalogue: an item or a row is there twice")
    return row_of
