"""Shards to an item table: float32 or float16 rows, or int8 rows with one scale each."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from clients.python.manifest import HEADS, Manifest, Shard
from clients.python.tensors import Array, Kind, finite_float32, read_tensors
from recsys.item_table import ItemTable

FLOAT_TYPES = {"float32": "F32", "float16": "F16"}
MATRICES = {"target": ("target",), "context": ("context_long", "context_short")}

Floats = npt.NDArray[np.float32]


def expected_tensors(head: str, precision: str) -> dict[str, Kind]:
    """Names, types and ranks of a shard's tensors; the bias is float32 in every precision."""
    kinds: dict[str, Kind] = {}
    for name in MATRICES[head]:
        kinds[name] = (FLOAT_TYPES.get(precision, "I8"), 2)
        if precision == "int8":
            kinds[f"{name}_scale"] = ("F32", 1)
    if head == "target":
        kinds["bias"] = ("F32", 1)
    return kinds


def decode_shard(
    body: bytes, head: str, precision: str, shard: Shard, dim: int
) -> dict[str, Floats]:
    """The shard's arrays by name: matrices (n_rows, dim), bias (n_rows,), float32.

    Raises: ValueError for another type or shape, and for values that are not finite.
    """
    tensors, _ = read_tensors(body, expected_tensors(head, precision))
    arrays = {name: _matrix(tensors, name) for name in MATRICES[head]}
    for name, array in arrays.items():
        if array.shape != (shard.n_rows, dim):
            raise ValueError(f"{name} is {array.shape}, not {(shard.n_rows, dim)}")
    if head == "target":
        arrays["bias"] = finite_float32(tensors["bias"], "bias")
        if arrays["bias"].shape != (shard.n_rows,):
            raise ValueError(f"bias is {arrays['bias'].shape}, not {(shard.n_rows,)}")
    return arrays


def _matrix(tensors: Mapping[str, Array], name: str) -> Floats:
    scale = tensors.get(f"{name}_scale")
    if scale is None:
        return finite_float32(tensors[name], name)
    if scale.shape != tensors[name].shape[:1]:
        raise ValueError(f"{name}_scale must have one value per row")
    return finite_float32(tensors[name] * scale[:, None], name)


def assemble(manifest: Manifest, precision: str, bodies: Mapping[str, bytes]) -> ItemTable:
    """The whole table. bodies: by digest, their digests checked. Raises: ValueError."""
    shape = (manifest.n_rows, manifest.dim)
    heads = {name: np.zeros(shape, np.float32) for names in MATRICES.values() for name in names}
    bias = np.zeros(manifest.n_rows, np.float32)
    for head in HEADS:
        for shard in manifest.shards(head, precision):
            rows = slice(shard.first_row, shard.first_row + shard.n_rows)
            arrays = decode_shard(bodies[shard.digest], head, precision, shard, manifest.dim)
            for name, array in arrays.items():
                (bias if name == "bias" else heads[name])[rows] = array
    return ItemTable(**heads, bias=bias)
