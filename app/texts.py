"""Free text that both databases can store and every answer can carry."""

from typing import Annotated

from pydantic import AfterValidator, Field


def check_storable(value: str) -> str:
    """The text itself.

    Raises: ValueError for NUL, which Postgres cannot store, and for a lone surrogate, which UTF-8
    cannot encode.
    """
    if "\0" in value:
        raise ValueError("must not hold the NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("must be encodable as UTF-8") from error
    return value


StorableText = Annotated[
    str, AfterValidator(check_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})
]
"""Text in a body; length limits are the field's own."""
