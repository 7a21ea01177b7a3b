"""Bodies and answers of the key routes."""

from typing import Literal

from pydantic import BaseModel, Field

from app.access.scopes import SCOPES, Scope
from app.schemas import StrictBody

KeyKind = Literal["server", "publishable"]


class KeyBody(StrictBody):
    """What the new key may do. scopes: of a server key; without them all that its maker may."""

    kind: KeyKind
    scopes: list[Scope] | None = Field(None, min_length=1, max_length=len(SCOPES))


class KeyView(BaseModel):
    """A key without its secret. prefix: its first characters, to recognise it by.

    scopes: what a server key was made for.
    """

    id: str
    kind: KeyKind
    prefix: str
    scopes: list[Scope]
    created_at: str
    revoked_at: str | None


class NewKey(KeyView):
    """key: the secret, shown once; null when an `Idempotency-Key` repeats."""

    key: str | None


class KeyPage(BaseModel):
    """Keys in the order of their ids, revoked ones included."""

    data: list[KeyView]
    next_cursor: str | None
