"""Item, user and event ids: 1 to 128 bytes of UTF-8, chosen by the caller; no NUL."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, Field

from app.middleware import decode_segment

# Rounds, versions and orders are numbered from 1; the database holds 32 bits of it.
NUMBER_MAX = 2**31 - 1

ID_BYTES_MAX = 128


def check_id(value: str) -> str:
    """The id itself.

    Raises: ValueError when it is empty, too long, holds NUL (which Postgres cannot store) or is
    not encodable as UTF-8 (a lone surrogate).
    """
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ValueError("must be encodable as UTF-8") from error
    if not 1 <= size <= ID_BYTES_MAX:
        raise ValueError(f"must have 1 to {ID_BYTES_MAX} bytes of UTF-8, not {size}")
    if "\0" in value:
        raise ValueError("must not hold the NUL character")
    return value


# JSON Schema counts characters where the rule counts bytes: the closest that it can say.
SCHEMA = {"minLength": 1, "maxLength": ID_BYTES_MAX, "pattern": r"^[^\u0000]*$"}

ChosenId = Annotated[str, AfterValidator(check_id), Field(json_schema_extra=dict(SCHEMA))]
"""An id in a body."""

PathId = Annotated[
    str,
    BeforeValidator(decode_segment),
    AfterValidator(check_id),
    Path(
        description="Percent-encoded; any characters, 1 to 128 bytes.",
        json_schema_extra=dict(SCHEMA),
    ),
]
"""An id in a path; `app.middleware.RawPath` hands segments over still encoded."""
