"""`/v1/models/.../rollback`: an operator's way back, to a version or of one item's row."""

from fastapi import APIRouter, Response

from app.access.dependencies import OperationsServer
from app.idempotency import IdempotencyKey
from app.identifiers import PathId
from app.models import order_service
from app.models.endpoints import VersionNumber
from app.models.schemas import OrderView, RowRollbackBody
from app.wiring import StateOf

router = APIRouter(tags=["models"])


@router.post("/models/rows/rollback", status_code=202, summary="Take one item's row back")
async def post_row_rollback(
    state: StateOf,
    who: OperationsServer,
    body: RowRollbackBody,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> OrderView:
    """A new version, live at once, in which only this row is as it was; training goes on."""
    order = await order_service.order_row(
        state, who.subject, body.version, body.item_id, idempotency_key
    )
    return _located(order, response)


@router.post("/models/{version}/rollback", status_code=202, summary="Go back to a version")
async def post_rollback(
    state: StateOf,
    who: OperationsServer,
    version: VersionNumber,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> OrderView:
    """A new version, live at once, with the rows of this one; training goes on from there."""
    order = await order_service.order_version(state, who.subject, version, idempotency_key)
    return _located(order, response)


@router.get("/models/orders/{order_id}", summary="An order to go back")
async def get_order(state: StateOf, who: OperationsServer, order_id: PathId) -> OrderView:
    """Open until the coordinator has published what it asks for, or said why it cannot."""
    return await order_service.show_order(state, order_id)


def _located(order: OrderView, response: Response) -> OrderView:
    response.headers["Location"] = f"/v1/models/orders/{order.id}"
    return order
