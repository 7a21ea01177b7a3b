"""Canonical JSON and the digests that name things.

The form is RFC 8785 (JSON Canonicalization Scheme): one value has exactly one encoding, and a
browser gets the same bytes from `JSON.stringify` of an object with sorted keys. So a device can
check the digest of a plan that reached it inside another document.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal

PREFIX = "sha256:"
DIGEST_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def digest(body: bytes) -> str:
    """The name of `body`: "sha256:" and 64 hexadecimal digits."""
    return PREFIX + hashlib.sha256(body).hexdigest()


def is_digest(value: object) -> bool:
    """Whether `value` is text of the form that `digest` returns."""
    return isinstance(value, str) and DIGEST_PATTERN.fullmatch(value) is not None


def raw_digest(name: str) -> bytes:
    """The 32 bytes of a digest; ValueError for any other text."""
    if not is_digest(name):
        raise ValueError(f"not a sha256 digest: {name!r}")
    return bytes.fromhex(name.removeprefix(PREFIX))


def canonical_json(value: object) -> bytes:
    """`value` (mappings, sequences, text, numbers, booleans, None) as canonical UTF-8.

    ValueError for NaN, infinities, integers that a double cannot hold, text that is not Unicode,
    keys that are not text, and every other type.
    """
    return _write(value).encode("utf-8")


def _write(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return _write_number(value)
    if isinstance(value, Mapping):
        return _write_mapping(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_write, value)) + "]"
    raise ValueError(f"no canonical form for {type(value).__name__}")


def _write_mapping(mapping: Mapping[object, object]) -> str:
    texts = [key for key in mapping if isinstance(key, str)]
    if len(texts) != len(mapping):
        raise ValueError("keys must be text")
    # Browsers sort by UTF-16 code units; Python would sort by code points.
    texts.sort(key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{_write(key)}:{_write(mapping[key])}" for key in texts) + "}"


def _write_number(value: int | float) -> str:
    """A number as ECMAScript's Number::toString writes it (ECMA-262, 6.1.6.1.20)."""
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise ValueError("numbers must be finite")
    if double != value:
        raise ValueError(f"{value} does not fit a double")
    sign = "-" if double < 0 else ""
    # repr is the shortest text that reads back, as in ECMAScript; only its shape differs.
    _, digits, exponent = Decimal(repr(abs(double))).as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    shortest = text.rstrip("0")
    if not shortest:
        return "0"
    assert isinstance(exponent, int)
    return sign + _place_point(shortest, len(text) + exponent)


def _place_point(digits: str, point: int) -> str:
    """0.`digits` x 10^`point` in ECMAScript's notation."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
