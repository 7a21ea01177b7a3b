"""Bodies and answers of the event route."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag

from app.clock import parse_rfc3339
from app.identifiers import ChosenId
from app.schemas import StrictBody
from app.texts import StorableText

EVENTS_MAX = 1000
TYPE_CHARS_MAX = 64


def _check_time(text: str) -> str:
    parse_rfc3339(text)
    return text


Time = Annotated[
    str,
    Field(max_length=40, json_schema_extra={"format": "date-time"}),
    AfterValidator(_check_time),
]


class EventBody(StrictBody):
    """One event. `event_id` is unique per user: a repeat counts once. `at` defaults to now."""

    event_id: ChosenId
    user_id: ChosenId
    item_id: ChosenId
    type: Annotated[StorableText, Field(min_length=1, max_length=TYPE_CHARS_MAX)]
    at: Time | None = None


class EventsBody(StrictBody):
    """Many events, of any users."""

    events: Annotated[list[EventBody], Field(min_length=1, max_length=EVENTS_MAX)]


ONE, MANY = "<one>", "<many>"
"""Alternatives of the body; `app.errors` leaves names in angle brackets out of field names."""


def _alternative(body: Any) -> str:
    if isinstance(body, EventsBody) or (isinstance(body, Mapping) and "events" in body):
        return MANY
    return ONE


Events = Annotated[
    Annotated[EventBody, Tag(ONE)] | Annotated[EventsBody, Tag(MANY)], Discriminator(_alternative)
]


class EventsReceipt(BaseModel):
    """accepted: stored now. duplicates: known before, or repeated within the call."""

    accepted: int
    duplicates: int
