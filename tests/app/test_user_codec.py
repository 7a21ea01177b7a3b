"""Bytes of user state: anything that is not whole and ours is a miss."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.user_codec import (
    MODES,
    Stamp,
    UserState,
    UserVector,
    decode_state,
    decode_vector,
    encode_floor,
    encode_state,
    encode_vector,
)
from recsys.history import History
from tests.app.model_world import a_state, same

rows_strategy = st.lists(st.integers(0, 2**31 - 1), max_size=20)
states = st.builds(
    lambda mode, born, revision, rows, seen, tower: UserState(
        mode,
        Stamp(born, revision),
        History.of(rows, [row % 5 for row in rows], [row * 3 for row in rows]),
        np.asarray(seen, np.int64),
        tower,
    ),
    st.sampled_from(MODES),
    st.floats(0, 1e10),
    st.integers(0, 2**40),
    rows_strategy,
    rows_strategy,
    st.binary(max_size=40),
)


class TestBytes:
    @given(st.binary(max_size=200))
    def test_foreign_bytes_are_a_miss(self, value: bytes) -> None:
        assert decode_state(value) is None
        assert decode_vector(value) is None

    @given(st.data(), states)
    def test_damaged_bytes_are_a_miss(self, data: st.DataObject, state: UserState) -> None:
        value = bytearray(encode_state(state))
        value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
        assert decode_state(bytes(value)) is None

    @given(st.data(), states)
    def test_cut_or_longer_bytes_are_a_miss(self, data: st.DataObject, state: UserState) -> None:
        value = encode_state(state)
        assert decode_state(value[: data.draw(st.integers(0, len(value) - 1))]) is None
        assert decode_state(value + data.draw(st.binary(min_size=1, max_size=9))) is None

    @pytest.mark.parametrize("at", [0, 4, 6, 7, 24, 28, 32])
    def test_well_checked_but_wrong_headers_are_a_miss(self, at: int) -> None:
        body = bytearray(encode_state(a_state())[:-4])
        body[at] += 9  # magic, layout, kind, mode and the three counts in turn
        checked = bytes(body) + zlib.crc32(body).to_bytes(4, "little")
        assert decode_state(checked) is None

    def test_a_floor_is_a_miss(self) -> None:
        assert decode_state(encode_floor(Stamp(1.0, 2))) is None

    def test_nothing_is_a_miss(self) -> None:
        assert decode_state(None) is None
        assert decode_vector(None) is None

    @given(states)
    def test_round_trip(self, state: UserState) -> None:
        assert same(decode_state(encode_state(state)), state)

    @given(st.integers(0, 2**31), st.lists(st.floats(-100, 100, width=32), max_size=64))
    def test_vector_round_trip(self, version: int, values: list[float]) -> None:
        vector = UserVector(version, np.asarray(values, np.float32))
        found = decode_vector(encode_vector(vector))
        assert found is not None
        assert found.model_version == version
        np.testing.assert_array_equal(found.values, vector.values)

    def test_it_is_compact(self) -> None:
        full = a_state(history=History.of(range(200)), seen=np.arange(1000), tower=b"")
        assert len(encode_state(full)) == 24 + 12 + 200 * 14 + 1000 * 4 + 4
