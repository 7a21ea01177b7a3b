"""Bodies and answers of the user routes."""

from typing import Annotated

from pydantic import BaseModel, Field

from app.cache.user_codec import Mode
from app.schemas import StrictBody

HistoryDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class UserBody(StrictBody):
    """The privacy mode. history_received: `digest` of the history that was handed over."""

    mode: Mode
    history_received: HistoryDigest | None = None


class UserView(BaseModel):
    """A user; nothing but the mode is known of one whose history stays on the device."""

    id: str
    mode: Mode
    created_at: str
    updated_at: str


class ModeAnswer(UserView):
    """A user after a PUT. erased_events: how many events leaving `hosted` erased."""

    erased_events: int = 0


class EventView(BaseModel):
    """An event of a hosted user."""

    event_id: str
    item_id: str
    type: str
    at: str


class EventPage(BaseModel):
    """Events of a hosted user, newest first."""

    data: list[EventView]
    next_cursor: str | None


class History(BaseModel):
    """Everything that the service holds of a user's history, oldest first.

    digest: SHA-256 of the RFC 8785 form of the other two members.
    """

    user_id: str
    events: list[EventView]
    digest: str


class Erasure(BaseModel):
    """What an erasure did. user: SHA-256 of the id, which the proof does not repeat.

    devices: deleted, or cut from the person where rounds need them; leases: of rounds, now under a
    pseudonym that is stored nowhere else; pending_updates: accepted by rounds that are still open,
    whose bytes go when they end, at the latest at their deadlines.
    """

    user: str
    erased_at: str
    events: int
    codes: int
    devices: int
    leases: int
    pending_updates: int


class SignedErasure(Erasure):
    """signed: all of it as a compact JWS by a key of `/.well-known/jwks.json`."""

    signed: str


class UserToken(BaseModel):
    """A user token; the service keeps no copy."""

    token: str
    expires_at: str
