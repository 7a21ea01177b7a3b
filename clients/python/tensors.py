"""Strict reading of safetensors bodies that came from outside: exactly the tensors expected.

The library checks offsets and lengths; names, types and ranks are checked here. Metadata comes back
as text, as the format has it.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, deserialize

Array = npt.NDArray[Any]
Kind = tuple[str, int]
"""Type as safetensors writes it ("F16", "I64", ...) and number of dimensions."""

DTYPES = {"F32": "<f4", "F16": "<f2", "I8": "|i1", "I64": "<i8"}
HEADER_LENGTH_BYTES = 8  # a u64, little-endian, then that many bytes of JSON


def read_tensors(
    body: bytes, expected: Mapping[str, Kind]
) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors by name, and the metadata.

    Raises: ValueError for a body that is not safetensors, for any other set of names, and for a
    tensor of another type or rank, naming it.
    """
    try:
        found = dict(deserialize(body))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"not a safetensors body: {error}") from None
    if set(found) != set(expected):
        raise ValueError(f"holds the tensors {sorted(found)}, not {sorted(expected)}")
    tensors = {name: _array(name, found[name], kind) for name, kind in expected.items()}
    return tensors, _metadata(body)


def _array(name: str, found: Mapping[str, Any], kind: Kind) -> Array:
    dtype, rank = kind
    if found["dtype"] != dtype or len(found["shape"]) != rank:
        raise ValueError(f"{name} must be {dtype} with {rank} dimensions")
    return np.frombuffer(found["data"], DTYPES[dtype]).reshape(found["shape"])


def _metadata(body: bytes) -> dict[str, str]:
    # `deserialize` has accepted the header already; it only leaves the metadata out.
    length = int.from_bytes(body[:HEADER_LENGTH_BYTES], "little")
    header = json.loads(body[HEADER_LENGTH_BYTES : HEADER_LENGTH_BYTES + length])
    return dict(header.get("__metadata__", {}))


def finite_float32(array: Array, name: str) -> npt.NDArray[np.float32]:
    """The array as float32. Raises: ValueError, naming it, when a value is not finite."""
    values = array.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that are not finite")
    return values


def ascending(rows: Array, name: str) -> npt.NDArray[np.int64]:
    """The rows. Raises: ValueError unless they are not negative and strictly ascending."""
    if rows.shape[0] and (rows[0] < 0 or not (rows[1:] > rows[:-1]).all()):
        raise ValueError(f"{name} must be row numbers in strictly ascending order")
    return rows.astype(np.int64, copy=False)
