"""Conditional requests: `ETag` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1.2)."""

import hashlib
import json
from typing import Any

from fastapi import Response


def entity_tag(body: bytes) -> str:
    """A strong tag: the body's own digest."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client holds this representation; tags compare weakly."""
    if if_none_match is None:
        return False
    held = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in held or tag in held


def conditional_json(if_none_match: str | None, content: Any) -> Response:
    """`content` as JSON with its tag, or 304 when the client has it already."""
    return conditional_body(if_none_match, json_bytes(content))


def json_bytes(content: Any) -> bytes:
    """Compact JSON, UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def conditional_body(if_none_match: str | None, body: bytes) -> Response:
    """The same for JSON that is written already."""
    tag = entity_tag(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
