"""The bundle: the one download of a round. Item rows, shared scalars and the block they train."""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clients.python.objections import Objection
from clients.python.tensors import ascending, finite_float32, read_tensors
from federation.canonical import is_digest
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars

TENSORS = {
    "block": ("I64", 1),
    "rows": ("I64", 1),
    "target": ("F16", 2),
    "context_long": ("F16", 2),
    "context_short": ("F16", 2),
    "bias": ("F32", 1),
    "scalars": ("F32", 1),
}
HISTORY_LENGTH_MAX = 100_000  # far above any kernel; a wrong number must not cost memory


@dataclass(frozen=True)
class Bundle:
    """What a device trains from.

    rows: (m,) int64 model rows that `table` holds, ascending; block: (n,) int64 model rows that the
    plan trains; block_positions: (n,) int64, where they are in `table`; event_types: the meaning of
    a history's type indices; catalogue: digest of the id-to-row map of this version.
    """

    model_version: int
    table: ItemTable
    scalars: SharedScalars
    rows: npt.NDArray[np.int64]
    block: npt.NDArray[np.int64]
    block_positions: npt.NDArray[np.int64]
    event_types: tuple[str, ...]
    catalogue: str


def decode_bundle(body: bytes) -> Bundle | Objection:
    """The bundle, float32; or why these bytes are none that a device may train from."""
    try:
        return _decode(body)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Objection("bundle_malformed", f"bundle: {error}")


def _decode(body: bytes) -> Bundle:
    tensors, about = read_tensors(body, TENSORS)
    event_types = read_event_types(json.loads(about["event_types"]))
    history_length = int(about["history_length"])
    if not 1 <= history_length <= HISTORY_LENGTH_MAX:
        raise ValueError(f"history_length must lie between 1 and {HISTORY_LENGTH_MAX}")
    heads = {n: finite_float32(tensors[n], n) for n in ("target", "context_long", "context_short")}
    table = ItemTable(**heads, bias=finite_float32(tensors["bias"], "bias"))
    rows, block = ascending(tensors["rows"], "rows"), ascending(tensors["block"], "block")
    if table.n_rows != rows.shape[0] or table.dim != int(about["dim"]):
        raise ValueError("the heads do not have the shape that rows and dim say")
    if not is_digest(about["catalogue"]):
        raise ValueError("catalogue must be a digest")
    return Bundle(
        model_version=int(about["model_version"]),
        table=table,
        scalars=SharedScalars.from_vector(
            finite_float32(tensors["scalars"], "scalars"), history_length, len(event_types)
        ),
        rows=rows,
        block=block,
        block_positions=_positions(block, rows),
        event_types=event_types,
        catalogue=about["catalogue"],
    )


def read_event_types(value: object) -> tuple[str, ...]:
    """Names of event types, in the order of their indices. Raises: ValueError."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValueError("event_types must be a list of names")
    if not value or len(set(value)) != len(value):
        raise ValueError("event_types must be distinct and not empty")
    return tuple(value)


def _positions(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each row of the block is among `rows`. Raises: ValueError when one is not there."""
    places = np.searchsorted(rows, block)
    if (places >= rows.shape[0]).any() or (rows[places] != block).any():
        raise ValueError("the block has rows that the bundle does not hold")
    return places.astype(np.int64)
