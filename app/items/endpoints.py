"""`/v1/items`."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from app.access.dependencies import CatalogueReader, CatalogueServer
from app.conditional import conditional_json
from app.identifiers import PathId
from app.items import service
from app.items.changes import Draft
from app.items.schemas import ItemContent, ItemPage, ItemView
from app.pagination import LIMIT_DEFAULT, Cursor, Limit
from app.wiring import StateOf

router = APIRouter(tags=["items"])
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client's copy is current."}
}
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match")]


@router.put(
    "/items/{item_id}",
    summary="Create or replace an item",
    responses={201: {"model": ItemView, "description": "Created, or back after a deletion."}},
)
async def put_item(
    state: StateOf, who: CatalogueServer, item_id: PathId, body: ItemContent, response: Response
) -> ItemView:
    """Fields that are left out are emptied. The same content again changes nothing."""
    item, created = await service.put_item(state, Draft(item_id, body.model_dump()))
    if created:
        response.status_code = 201
    return item


@router.get("/items/{item_id}", summary="An item", response_model=ItemView, responses=NOT_MODIFIED)
async def get_item(
    state: StateOf, who: CatalogueReader, item_id: PathId, if_none_match: IfNoneMatch = None
) -> Response:
    """Its content; with `If-None-Match` only when it changed."""
    item = await service.get_item(state, item_id)
    return conditional_json(if_none_match, item.model_dump())


@router.delete("/items/{item_id}", status_code=204, summary="Delete an item")
async def delete_item(state: StateOf, who: CatalogueServer, item_id: PathId) -> None:
    """It vanishes from every list at once; a later PUT brings it back with what was learnt."""
    await service.delete_item(state, item_id)


@router.get("/items", summary="List items", response_model=ItemPage, responses=NOT_MODIFIED)
async def list_items(
    state: StateOf,
    who: CatalogueReader,
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Live items in the order of their ids, bytewise."""
    page = await service.list_items(state, cursor, limit)
    return conditional_json(if_none_match, page.model_dump())
