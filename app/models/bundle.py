"""The bundle: all that the devices of one plan need, in one immutable body (safetensors)."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from app.models.shards import Tensors
from recsys.arrays import Floats, Ints
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars

FOLDER = "bundles"
HEADER_LENGTH = struct.Struct("<Q")
ALIGNMENT = 8


@dataclass(frozen=True)
class Bundle:
    """What a device trains on. table: the rows received, float32, in the order of `rows`.

    block: (n,) int64 rows that the plan trains; rows: (m,) int64, sorted, holds the block.
    catalogue: digest of the version's id-to-row map.
    """

    model_version: int
    event_types: tuple[str, ...]
    catalogue: str
    block: Ints
    rows: Ints
    table: ItemTable
    scalars: SharedScalars


def encode_bundle(bundle: Bundle) -> bytes:
    """The bundle's bytes. Heads travel as float16, biases and scalars as float32."""
    table = bundle.table
    tensors: Tensors = {
        "block": bundle.block.astype(np.int64),
        "rows": bundle.rows.astype(np.int64),
        "target": _half(table.target),
        "context_long": _half(table.context_long),
        "context_short": _half(table.context_short),
        "bias": table.bias.astype(np.float32),
        "scalars": bundle.scalars.to_vector().astype(np.float32),
    }
    metadata = {
        "model_version": str(bundle.model_version),
        "dim": str(table.dim),
        "history_length": str(bundle.scalars.history_length),
        "event_types": json.dumps(list(bundle.event_types)),
        "catalogue": bundle.catalogue,
    }
    return _with_sorted_metadata(save(tensors, metadata))


def _with_sorted_metadata(body: bytes) -> bytes:
    """The same file with its metadata in a fixed order; safetensors writes them in any order.

    Equal bundles must be equal bytes: a coordinator that died and starts again names the same plan.
    """
    header, rest = _split(body)
    metadata = dict(sorted(header.pop("__metadata__").items()))
    text = json.dumps({"__metadata__": metadata} | header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return HEADER_LENGTH.pack(len(text)) + text + rest


def _split(body: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = HEADER_LENGTH.unpack_from(body)
    start = HEADER_LENGTH.size
    return json.loads(body[start : start + length]), body[start + length :]


def as_received(table: ItemTable) -> ItemTable:
    """The table as devices see it: heads rounded to float16 on the way, widened again."""
    target, long, short = (
        _half(head).astype(np.float32)
        for head in (table.target, table.context_long, table.context_short)
    )
    return ItemTable(target, long, short, table.bias)


def _half(head: Floats) -> np.ndarray[Any, np.dtype[np.float16]]:
    return np.ascontiguousarray(head).astype(np.float16)


def decode_bundle(body: bytes) -> Bundle:
    """What a device reads from the bytes, heads widened to float32.

    Raises: ValueError when the bytes hold something else.
    """
    try:
        tensors = load(body)
        metadata = _split(body)[0]["__metadata__"]
        heads = (tensors[name] for name in ("target", "context_long", "context_short", "bias"))
        table = ItemTable(*(head.astype(np.float32) for head in heads))
        types = tuple(json.loads(metadata["event_types"]))
        history_length = int(metadata["history_length"])
        return Bundle(
            model_version=int(metadata["model_version"]),
            event_types=types,
            catalogue=metadata["catalogue"],
            block=tensors["block"],
            rows=tensors["rows"],
            table=table,
            scalars=SharedScalars.from_vector(tensors["scalars"], history_length, len(types)),
        )
    except (KeyError, SafetensorError) as error:
        raise ValueError("not the bytes of a bundle") from error
