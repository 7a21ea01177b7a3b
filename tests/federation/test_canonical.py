"""Canonical JSON against the vectors of RFC 8785 (sections 3.2.3, appendix B)."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.canonical import canonical_json, digest, is_digest, raw_digest

RFC_8785_NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        10**400,
        2**53 + 1,
        "\ud800",
        {1: "a"},
        {1: "a", "1": "b"},
        {"a": b"bytes"},
        {"a": {1, 2}},
        object(),
    ],
)
def test_values_without_a_canonical_form(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


@pytest.mark.parametrize("name", ["", "sha256:", "sha256:" + "A" * 64, "md5:" + "a" * 64, "a" * 71])
def test_not_a_digest(name: str) -> None:
    assert not is_digest(name)
    with pytest.raises(ValueError, match="digest"):
        raw_digest(name)


@pytest.mark.parametrize(("bits", "text"), RFC_8785_NUMBERS.items())
def test_numbers_of_the_rfc(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(value) == text.encode()


def test_keys_sort_by_utf16_as_in_the_rfc() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    expected = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical_json(dict.fromkeys(names)))) == expected


def test_text_is_escaped_as_in_the_rfc() -> None:
    text = '\u20ac$\u000f\nA\'B"\\\\"/'
    assert canonical_json(text) == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


@given(json_values)
def test_reads_back_and_is_a_fixed_point(value: Any) -> None:
    body = canonical_json(value)
    # A reader for whom every number is a double, as in a browser.
    read = json.loads(body, parse_int=float)
    assert read == value
    assert canonical_json(read) == body


@given(st.dictionaries(st.text(), st.integers(0, 9)), st.randoms())
def test_order_of_keys_does_not_matter(mapping: dict[str, int], random: Any) -> None:
    items = list(mapping.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(mapping)


def test_equal_numbers_have_one_form() -> None:
    assert (
        canonical_json([1, 1.0, 10**20, 1e20])
        == b"[1,1,100000000000000000000,100000000000000000000]"
    )


def test_digest_is_sha256() -> None:
    name = digest(b"abc")
    assert name == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert is_digest(name)
    assert raw_digest(name).hex() == name.removeprefix("sha256:")
