"""Reading of documents that came from outside: every field known, present, typed and in range.

Each reader takes the value and the field's name, and raises ValueError with that name in front.
"""

import json
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from federation.canonical import canonical_json, is_digest

Scalar = int | float | str


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body` (UTF-8); ValueError for all else, repeated keys included."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object_without_repeats, parse_int=_whole_number
        )
    except RecursionError:
        raise ValueError("document: nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("document: must be a JSON object")
    return value


def _whole_number(text: str) -> int | float:
    """The number of a JSON text without fraction.

    Beyond 2^53 the canonical form pads the shortest digits of a double with zeros: such text means
    that double, which need not be the integer that it spells.
    """
    value = int(text)
    if abs(value) < 2**53 or abs(value) >= 10**21:
        return value
    double = float(value)
    return double if canonical_json(double).decode() == text else value


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated}: given twice")
    return fields


def require_fields(mapping: object, names: Iterable[str], where: str = "") -> dict[str, Any]:
    """`mapping` as a dict that has exactly the fields `names`; `where` prefixes their names."""
    if not isinstance(mapping, Mapping):
        raise ValueError(f"{where.rstrip('.') or 'document'}: must be an object")
    expected = set(names)
    for name in mapping:
        if name not in expected:
            raise ValueError(f"{where}{name}: unknown field")
    for name in sorted(expected):
        if name not in mapping:
            raise ValueError(f"{where}{name}: missing")
    return dict(mapping)


def require_int(value: object, name: str, low: int, high: int = 2**53 - 1) -> int:
    """An integer (not a boolean) from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name}: must be an integer")
    if not low <= value <= high:
        raise ValueError(f"{name}: must lie between {low} and {high}")
    return value


def require_number(
    value: object, name: str, low: float = -math.inf, high: float = math.inf
) -> float:
    """A finite number (not a boolean) from `low` to `high` that a double can hold."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{name}: must be a number")
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise ValueError(f"{name}: must be finite")
    if double != value:
        raise ValueError(f"{name}: must fit a double")
    if not low <= value <= high:
        raise ValueError(f"{name}: must lie between {low} and {high}")
    return value


def require_positive(value: object, name: str) -> float:
    """A finite number above zero."""
    number = require_number(value, name)
    if number <= 0:
        raise ValueError(f"{name}: must be positive")
    return number


def require_text(value: object, name: str) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: must be text")
    return _require_unicode(value, name)


def _require_unicode(text: str, name: str) -> str:
    # JSON can spell half of a surrogate pair; UTF-8 cannot.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{name}: must be valid Unicode") from None
    return text


def require_digest(value: object, name: str) -> str:
    """Text of the form "sha256:<64 hexadecimal digits>"."""
    if not isinstance(value, str) or not is_digest(value):
        raise ValueError(f"{name}: must be a sha256 digest")
    return value


def frozen_scalars(value: object, name: str) -> Mapping[str, Scalar]:
    """A read-only copy of a flat mapping from text to text and finite numbers."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: must be an object")
    for key, entry in value.items():
        require_text(key, f"{name}: key")
        if isinstance(entry, str):
            _require_unicode(entry, f"{name}.{key}")
        else:
            require_number(entry, f"{name}.{key}")
    return MappingProxyType(dict(value))
