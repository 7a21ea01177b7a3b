"""What a receipt says: every field present, typed and in canonical form."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from federation.canonical import digest
from federation.receipt import ReceiptClaims

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "receipt.json").read_text())
CLAIMS = ReceiptClaims.from_json(VECTOR["payload"].encode())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("assignment", ""),
        ("round", -1),
        ("round", True),
        ("plan_digest", "x"),
        ("body_digest", None),
        ("size_bytes", 1.5),
        ("staleness", -1),
        ("accepted_at", 7),
        ("mode", ""),
    ],
)
def test_wrong_field_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        replace(CLAIMS, **{name: value})


@pytest.mark.parametrize("name", [field.name for field in fields(ReceiptClaims)])
def test_missing_and_unknown_fields_are_named(name: str) -> None:
    plain = json.loads(VECTOR["payload"])
    with pytest.raises(ValueError, match=r"^more: unknown"):
        ReceiptClaims.from_json(json.dumps(plain | {"more": 1}).encode())
    del plain[name]
    with pytest.raises(ValueError, match=f"^{name}: missing"):
        ReceiptClaims.from_json(json.dumps(plain).encode())


def test_canonical_bytes() -> None:
    assert CLAIMS.to_json().decode() == VECTOR["payload"]
    assert (CLAIMS.round, CLAIMS.body_digest) == (7, digest(b"update"))
