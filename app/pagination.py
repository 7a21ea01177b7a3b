"""Cursor pagination: `{"data": [...], "next_cursor": null | "..."}`.

A cursor is the last entry's sort key in base64url: opaque to clients, and stable while entries come
and go, because it names a place and not a count.
"""

import base64
import binascii
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from app.errors import invalid_field
from app.identifiers import NUMBER_MAX

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
CURSOR_CHARS_MAX = 512


def encode_cursor(place: str) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The place that a cursor names.

    Raises: ValueError when no answer of ours can have held it.
    """
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not a cursor of an earlier answer") from error
    if "\0" in place:
        raise ValueError("is not a cursor of an earlier answer")
    return place


def number_of(place: str | None) -> int | None:
    """The numbered row behind which a page begins; None for the first page.

    Raises: Problem 422.
    """
    if place is None:
        return None
    if not (place.isascii() and place.isdigit() and int(place) <= NUMBER_MAX):
        raise invalid_field("cursor", "is not a cursor of an earlier answer")
    return int(place)


def _check(cursor: str | None) -> str | None:
    return None if cursor is None else decode_cursor(cursor)


Cursor = Annotated[
    str | None,
    AfterValidator(_check),
    Query(max_length=CURSOR_CHARS_MAX, description="`next_cursor` of the page before."),
]
"""A query parameter; the route receives the decoded place."""

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="Most entries on a page.")]
"""A query parameter; give it LIMIT_DEFAULT."""
