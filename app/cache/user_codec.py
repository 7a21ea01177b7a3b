"""Bytes of a user's state and of a posted user vector: fixed layouts, little-endian.

    state   "2FUS" | u16 layout | u8 kind (0 floor, 1 state) | u8 mode
            | f64 created_at | i64 revision; then, unless it is a floor:
            | u32 n_history | u32 n_seen | u32 n_tower
            | i32 history rows | u16 history types | i64 history times, unix s | i32 seen rows
            | tower bytes | u32 crc32
    vector  "2FUV" | u16 layout | u16 dim | i64 model version | f32 values | u32 crc32

Anything that does not fit exactly (foreign bytes, another layout, a torn value) decodes to None: a
miss. The cache is expendable, so there is nothing to repair.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.history import History

Mode = Literal["device", "vector", "hosted"]
MODES: tuple[Mode, ...] = ("device", "vector", "hosted")

STATE_LAYOUT = 2
VECTOR_LAYOUT = 1
STATE_MAGIC = b"2FUS"
VECTOR_MAGIC = b"2FUV"
FLOOR, STATE = 0, 1

_STATE_HEADER = struct.Struct("<4sHBBdq")
_COUNTS = struct.Struct("<III")
_VECTOR_HEADER = struct.Struct("<4sHHq")
_CHECK = struct.Struct("<I")


@dataclass(frozen=True, order=True)
class Stamp:
    """Orders the states of one user id: a user created anew is newer than any state before."""

    created_at: float
    revision: int


@dataclass(frozen=True)
class UserState:
    """What recommendations need of a user.

    history: the last H events; types are indices into the settings' event types. seen: (m,) int64,
    every row the user ever touched, distinct and sorted. tower: the personal numbers of a hosted
    user, encoded; empty if there are none.
    """

    mode: Mode
    stamp: Stamp
    history: History
    seen: Ints
    tower: bytes = b""


@dataclass(frozen=True)
class UserVector:
    """A vector that a `vector` user's device posted: values (d,) float32 for that model version."""

    model_version: int
    values: Floats


def encode_floor(stamp: Stamp) -> bytes:
    """A header alone: no state, and nothing older than `stamp` may follow."""
    return _STATE_HEADER.pack(STATE_MAGIC, STATE_LAYOUT, FLOOR, 0, stamp.created_at, stamp.revision)


def encode_state(state: UserState) -> bytes:
    """The bytes of a state."""
    stamp, mode, history = state.stamp, MODES.index(state.mode), state.history
    header = (STATE_MAGIC, STATE_LAYOUT, STATE, mode, stamp.created_at, stamp.revision)
    parts = (
        _STATE_HEADER.pack(*header),
        _COUNTS.pack(len(history), len(state.seen), len(state.tower)),
        history.rows.astype("<i4").tobytes(),
        history.types.astype("<u2").tobytes(),
        history.times_s.astype("<i8").tobytes(),
        state.seen.astype("<i4").tobytes(),
        state.tower,
    )
    return _with_check(b"".join(parts))


def decode_state(value: object) -> UserState | None:
    """The state, or None for a floor and for anything that is not a whole state of this layout."""
    body = _checked(value)
    start = _STATE_HEADER.size + _COUNTS.size
    if body is None or len(body) < start:
        return None
    magic, layout, kind, mode, born, revision = _STATE_HEADER.unpack_from(body)
    n_history, n_seen, n_tower = _COUNTS.unpack_from(body, _STATE_HEADER.size)
    if (magic, layout, kind) != (STATE_MAGIC, STATE_LAYOUT, STATE) or mode >= len(MODES):
        return None
    types_at = start + 4 * n_history
    times_at = types_at + 2 * n_history
    seen_at = times_at + 8 * n_history
    tower_at = seen_at + 4 * n_seen
    if len(body) != tower_at + n_tower:
        return None
    parts = (("<i4", start), ("<u2", types_at), ("<i8", times_at))
    history = History(*(_integers(body, kind, n_history, at) for kind, at in parts))
    seen = _integers(body, "<i4", n_seen, seen_at)
    return UserState(MODES[mode], Stamp(born, revision), history, seen, body[tower_at:])


def _integers(body: bytes, kind: str, n: int, at: int) -> Ints:
    return np.frombuffer(body, kind, n, at).astype(np.int64)


def encode_vector(vector: UserVector) -> bytes:
    """The bytes of a posted vector."""
    values = vector.values.astype("<f4")
    header = (VECTOR_MAGIC, VECTOR_LAYOUT, len(values), vector.model_version)
    return _with_check(_VECTOR_HEADER.pack(*header) + values.tobytes())


def decode_vector(value: object) -> UserVector | None:
    """The vector, or None for anything that is not a whole vector of this layout."""
    body = _checked(value)
    if body is None or len(body) < _VECTOR_HEADER.size:
        return None
    magic, layout, dim, version = _VECTOR_HEADER.unpack_from(body)
    right_size = len(body) == _VECTOR_HEADER.size + 4 * dim
    if (magic, layout) != (VECTOR_MAGIC, VECTOR_LAYOUT) or not right_size:
        return None
    values = np.frombuffer(body, "<f4", dim, _VECTOR_HEADER.size).astype(np.float32)
    return UserVector(version, values)


def _with_check(body: bytes) -> bytes:
    return body + _CHECK.pack(zlib.crc32(body))


def _checked(value: object) -> bytes | None:
    if not isinstance(value, bytes) or len(value) < _CHECK.size:
        return None
    body = value[: -_CHECK.size]
    return body if _CHECK.unpack(value[-_CHECK.size :])[0] == zlib.crc32(body) else None
