import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.permutation import SEGMENT, keyed_row

KEY = b"k" * 32


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="sequence"):
        keyed_row(KEY, -1)
    with pytest.raises(ValueError, match="segment"):
        keyed_row(KEY, 0, segment=0)


@given(key=st.binary(max_size=40), index=st.integers(0, 2**40), segment=st.integers(1, 60))
def test_a_segment_is_permuted_within_itself(key: bytes, index: int, segment: int) -> None:
    sequences = range(index * segment, (index + 1) * segment)
    assert sorted(keyed_row(key, s, segment) for s in sequences) == list(sequences)


def test_bijective_over_several_whole_segments() -> None:
    rows = [keyed_row(KEY, sequence) for sequence in range(3 * SEGMENT)]
    assert sorted(rows) == list(range(3 * SEGMENT))
    assert max(rows[:SEGMENT]) < SEGMENT


def test_segments_and_keys_differ() -> None:
    first = [keyed_row(KEY, s) for s in range(SEGMENT)]
    second = [keyed_row(KEY, s) - SEGMENT for s in range(SEGMENT, 2 * SEGMENT)]
    foreign = [keyed_row(b"other", s) for s in range(SEGMENT)]
    assert first != second
    assert first != foreign
    assert sum(a == b for a, b in zip(first, range(SEGMENT), strict=True)) < 10


def test_rows_are_what_the_documented_hash_says() -> None:
    def tag(offset: int) -> bytes:
        return hmac.digest(KEY, b"twofold/row/1" + struct.pack("<QQ", 2, offset), "sha256")

    expected = sorted(range(8), key=tag)
    assert [keyed_row(KEY, 16 + i, segment=8) for i in range(8)] == [16 + e for e in expected]
