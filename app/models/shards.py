"""Shards: fixed ranges of rows, one body per head and encoding, content-addressed and immutable.

Target and context heads lie apart, since ranking a known user vector needs only the one. Biases
stay float32 in every encoding: there is one number per row, and ranking adds it last.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

from app.store.blobs import BlobStore
from recsys.arrays import Floats
from recsys.item_table import ItemTable

FOLDER = "shards"
SHARD_ROWS = 4096
HEADS = {"target": ("target",), "context": ("context_long", "context_short")}

Tensors = dict[str, np.ndarray[Any, Any]]


def _float32(name: str, rows: Floats) -> Tensors:
    return {name: rows.astype(np.float32)}


def _float16(name: str, rows: Floats) -> Tensors:
    return {name: rows.astype(np.float16)}


def _int8(name: str, rows: Floats) -> Tensors:
    """Rounded to 255 steps between -max and max of each row; the scale (n,) is the step."""
    peak = np.abs(rows).max(axis=1, initial=0.0)
    scale = (np.where(peak > 0, peak, 1.0) / 127.0).astype(np.float32)
    return {name: np.rint(rows / scale[:, None]).astype(np.int8), f"{name}_scale": scale}


ENCODINGS: Mapping[str, Callable[[str, Floats], Tensors]] = {
    "float32": _float32,
    "float16": _float16,
    "int8": _int8,
}


def shard_body(table: ItemTable, head: str, encoding: str, first_row: int, n_rows: int) -> bytes:
    """One shard; equal rows give equal bytes."""
    at = slice(first_row, first_row + n_rows)
    tensors: Tensors = {}
    for name in HEADS[head]:
        rows = np.ascontiguousarray(getattr(table, name)[at])
        tensors |= ENCODINGS[encoding](name, rows)
    if head == "target":
        tensors["bias"] = np.ascontiguousarray(table.bias[at]).astype(np.float32)
    return save(tensors)


def write_shards(blobs: BlobStore, table: ItemTable) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Store every shard; the manifest's `heads`. A shard that has not changed is not rewritten."""
    heads: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for head in HEADS:
        heads[head] = {}
        for encoding in ENCODINGS:
            heads[head][encoding] = [
                _write(blobs, table, head, encoding, first)
                for first in range(0, table.n_rows, SHARD_ROWS)
            ]
    return heads


def _write(
    blobs: BlobStore, table: ItemTable, head: str, encoding: str, first_row: int
) -> dict[str, Any]:
    n_rows = min(SHARD_ROWS, table.n_rows - first_row)
    body = shard_body(table, head, encoding, first_row, n_rows)
    digest = blobs.put_content(FOLDER, body)
    return {"digest": digest, "bytes": len(body), "first_row": first_row, "n_rows": n_rows}
