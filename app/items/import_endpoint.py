"""`POST /v1/items:import`; a router of its own, because its body may be larger than any other."""

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from app.access.dependencies import CatalogueServer
from app.errors import Problem
from app.items.import_service import import_items
from app.items.schemas import ImportReport
from app.wiring import StateOf

MEDIA_TYPE = "application/x-ndjson"

router = APIRouter(tags=["items"])
_BODY = {
    "required": True,
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": '{"id":"a","title":"A"}\n'}},
    "description": "One item with its `id` per line.",
}


@router.post(
    "/items:import",
    summary="Create or replace many items",
    openapi_extra={"requestBody": _BODY},
)
async def post_import(state: StateOf, who: CatalogueServer, request: Request) -> ImportReport:
    """Good lines are stored, bad ones counted and the first 20 errors named by line and field."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != MEDIA_TYPE:
        raise Problem(415, "unsupported_media_type", f"Send the items as {MEDIA_TYPE}.")
    try:
        return await import_items(state, request.stream())
    except ClientDisconnect as error:
        raise Problem(400, "body_incomplete", "The body broke off.") from error
