import json
from typing import Any

import pytest

from federation.canonical import digest
from federation.receipt import Receipt

FIELDS: dict[str, Any] = {
    "assignment": "a1",
    "round": 3,
    "plan": digest(b"plan"),
    "body": digest(b"body"),
    "accepted_at": 1_793_000_000.125,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("assignment", ""),
        ("round", -1),
        ("plan", "plan"),
        ("body", None),
        ("accepted_at", float("nan")),
        ("accepted_at", -1.0),
        ("accepted_at", 1e18),
        ("mode", ""),
    ],
)
def test_bad_field_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Receipt(**(FIELDS | {name: value}))


def test_canonical_mapping() -> None:
    receipt = Receipt(**FIELDS)
    assert json.loads(receipt.to_json()) == {
        "assignment": "a1",
        "round": 3,
        "plan": digest(b"plan"),
        "body": digest(b"body"),
        "accepted_at": "2026-10-26T07:33:20.125Z",
        "mode": "plain",
    }


def test_equal_receipts_are_equal_bytes() -> None:
    assert Receipt(**FIELDS).to_json() == Receipt(**FIELDS).to_json()
    assert Receipt(**FIELDS).digest == digest(Receipt(**FIELDS).to_json())
    assert Receipt(**(FIELDS | {"body": digest(b"other")})).digest != Receipt(**FIELDS).digest
