import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.canonical import digest
from federation.refusals import Refusal
from federation.update_codec import HEADER_BYTES, decode, encode, update_bytes

PLAN = digest(b"plan")
WORDS = np.array([0, 1, -1, 2**31 - 1, -(2**31)], np.int32)
BODY = encode(PLAN, WORDS)
GOLDEN = (
    "32465550"
    "0100"
    "0000" + hashlib.sha256(b"plan").hexdigest() + "05000000"
    "00000000"
    "01000000"
    "ffffffff"
    "ffffff7f"
    "00000080"
)


def reason(body: bytes, plan: str = PLAN, n_words: int = 5) -> str | None:
    decoded = decode(body, plan, n_words)
    return decoded.reason if isinstance(decoded, Refusal) else None


def altered(offset: int, value: bytes) -> bytes:
    return BODY[:offset] + value + BODY[offset + len(value) :]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "wrong_length"),
        (BODY[: HEADER_BYTES - 1], "wrong_length"),
        (BODY[:HEADER_BYTES], "wrong_length"),
        (BODY[:-1], "wrong_length"),
        (BODY + b"\0", "wrong_length"),
        (BODY + b"\0\0\0\0", "wrong_length"),
        (altered(40, b"\4\0\0\0"), "wrong_length"),
        (altered(40, b"\xff\xff\xff\xff"), "wrong_length"),
        (altered(0, b"3"), "bad_magic"),
        (altered(0, b"\x93NUMPY"), "bad_magic"),
        (altered(4, b"\2\0"), "wrong_layout"),
        (altered(4, b"\0\1"), "wrong_layout"),
        (altered(6, b"\1\0"), "wrong_layout"),
        (altered(8, b"\0"), "wrong_plan"),
        (altered(39, b"\0"), "wrong_plan"),
    ],
)
def test_refused(body: bytes, expected: str) -> None:
    assert reason(body) == expected


def test_refused_for_another_plan_or_count() -> None:
    assert reason(BODY, plan=digest(b"other")) == "wrong_plan"
    assert reason(BODY, n_words=4) == "wrong_length"
    assert reason(BODY, n_words=6) == "wrong_length"


@given(st.binary(max_size=120))
@example(BODY)
def test_any_bytes_are_words_or_a_refusal(body: bytes) -> None:
    decoded = decode(body, PLAN, 5)
    assert isinstance(decoded, Refusal) or body[:HEADER_BYTES] == BODY[:HEADER_BYTES]


@pytest.mark.parametrize("words", [WORDS.astype(np.int64), WORDS.reshape(1, 5), WORDS.view("u4")])
def test_encoding_takes_flat_int32_only(words: Any) -> None:
    with pytest.raises(ValueError, match="words"):
        encode(PLAN, words)


def test_golden_bytes() -> None:
    assert BODY.hex() == GOLDEN
    assert HEADER_BYTES == 44


def test_same_words_same_bytes_from_any_memory_layout() -> None:
    wide = np.repeat(WORDS, 2)
    assert encode(PLAN, wide[::2]) == BODY
    assert encode(PLAN, np.ascontiguousarray(WORDS[::-1])[::-1]) == BODY


@given(hnp.arrays(np.int32, st.integers(0, 50)))
def test_round_trip(words: Any) -> None:
    body = encode(PLAN, words)
    assert len(body) == update_bytes(words.size)
    decoded = decode(body, PLAN, words.size)
    assert not isinstance(decoded, Refusal)
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, words)
