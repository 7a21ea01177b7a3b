"""Refusals in the OpenAPI document: every route may answer with a problem."""

from typing import Any

from app.errors import MEDIA_TYPE

_TEXT = {"type": "string"}
_FIELD_ERROR = {
    "type": "object",
    "properties": {"field": _TEXT, "message": _TEXT},
    "required": ["field", "message"],
}
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457; `reason` is stable, `errors` name the fields.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "reason": _TEXT,
        "detail": _TEXT,
        "errors": {"type": "array", "items": _FIELD_ERROR},
    },
    "required": ["type", "title", "status", "reason", "detail"],
}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}}


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": _problem("Refused; nothing was changed."),
    503: _problem("A store is away; `Retry-After` says when to come back."),
}
"""For a router's `responses`."""
