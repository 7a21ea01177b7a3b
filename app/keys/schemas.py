"""Bodies and answers of the key routes."""

from typing import Literal

from pydantic import BaseModel

from app.schemas import StrictBody

KeyKind = Literal["server", "publishable"]


class KeyBody(StrictBody):
    """What the new key may do."""

    kind: KeyKind


class KeyView(BaseModel):
    """A key without its secret. prefix: its first characters, to recognise it by."""

    id: str
    kind: KeyKind
    prefix: str
    created_at: str
    revoked_at: str | None


class NewKey(KeyView):
    """key: the secret, shown once; null when an `Idempotency-Key` repeats."""

    key: str | None


class KeyPage(BaseModel):
    """Keys in the order of their ids, revoked ones included."""

    data: list[KeyView]
    next_cursor: str | None
