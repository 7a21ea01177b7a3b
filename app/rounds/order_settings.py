"""The settings that one round may have of its own, as an operator orders them."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.errors import Problem, invalid_field
from app.settings import RoundSettings

# What says when rounds open by themselves is not a matter of one round.
OF_THE_SCHEDULE = {"enabled", "pause_s"}


def round_settings(settings: RoundSettings) -> dict[str, Any]:
    """What one round is planned from, as plain JSON values."""
    return settings.model_dump(exclude=OF_THE_SCHEDULE)


def resolve(service: RoundSettings, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The service's settings with those that were asked for, each of which keeps its own bounds.

    Resolved when the order is placed: the operator sees what will be planned, and a later change
    of the service's settings cannot make the order impossible.
    Raises: Problem 422 naming the field when they contradict each other.
    """
    try:
        return round_settings(RoundSettings(**(service.model_dump() | dict(asked))))
    except ValidationError as error:
        raise _contradiction(error) from error


def _contradiction(error: ValidationError) -> Problem:
    # A rule over several settings names the offending one first.
    field, _, rule = str(error.errors()[0]["ctx"]["error"]).partition(" ")
    return invalid_field(field, f"{rule}; what an order leaves out is as the service has it")
