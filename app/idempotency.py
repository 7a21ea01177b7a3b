"""`Idempotency-Key`: a creating request may be sent again, and creates nothing twice."""

import hashlib
from typing import Annotated

from fastapi import Header

from app.errors import Problem

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Repeating it creates nothing twice.",
    ),
]


def request_digest(caller_id: str, idempotency_key: str) -> str:
    """Names what this caller created, or will create, with this key: 64 hexadecimal digits."""
    return hashlib.sha256(f"{caller_id}\n{idempotency_key}".encode()).hexdigest()


def derived_id(kind: str, caller_id: str, idempotency_key: str) -> str:
    """The id of what this caller made, or will make, with this key."""
    return f"{kind}-{request_digest(caller_id, idempotency_key)[:32]}"


def key_reused(created: str) -> Problem:
    """A 409 for a key that came with another body before. created: what it made then."""
    return Problem(409, "idempotency_key_reused", f"This Idempotency-Key made another {created}.")
