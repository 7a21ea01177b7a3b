"""`POST /v1/rounds` and `/v1/round-orders`: rounds that an operator asks for."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.access.dependencies import OperationsServer
from app.idempotency import IdempotencyKey
from app.identifiers import NUMBER_MAX
from app.pagination import LIMIT_DEFAULT, Cursor, Limit, encode_cursor, number_of
from app.rounds import orders, orders_repository
from app.rounds.endpoints import RoundId
from app.rounds.operator_schemas import NoBody, RoundOrderBody, RoundOrderList, RoundOrderView
from app.rounds.orders_repository import RoundOrder
from app.rounds.views import order_view
from app.wiring import StateOf

router = APIRouter(tags=["rounds"])
OrderId = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


@router.post("/rounds", status_code=202, summary="Order a round")
async def post_round(
    state: StateOf,
    who: OperationsServer,
    body: RoundOrderBody,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> RoundOrderView:
    """The coordinator opens it when no round is open and no older order waits."""
    wish = orders.Wish(body.settings(), body.start)
    return _placed(await orders.place_order(state, who.subject, wish, idempotency_key), response)


@router.post("/rounds/{round_id}/retry", status_code=202, summary="Retry an abandoned round")
async def post_retry(
    state: StateOf,
    who: OperationsServer,
    round_id: RoundId,
    response: Response,
    body: NoBody | None = None,
) -> RoundOrderView:
    """Orders a round with the same settings; repeating it answers with the same order."""
    return _placed(await orders.retry(state, round_id), response)


def _placed(order: RoundOrder, response: Response) -> RoundOrderView:
    response.headers["Location"] = f"/v1/round-orders/{order.id}"
    return order_view(order)


@router.get("/round-orders", summary="Orders, newest first")
async def get_orders(
    state: StateOf, who: OperationsServer, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> RoundOrderList:
    """Those that wait and those that were fulfilled."""
    async with state["database"].read() as connection:
        found = await orders_repository.list_orders(connection, number_of(cursor), limit + 1)
    page = found[:limit]
    more = encode_cursor(str(page[-1].id)) if len(found) > limit else None
    return RoundOrderList(data=[order_view(order) for order in page], next_cursor=more)


@router.get("/round-orders/{order_id}", summary="One order")
async def get_order(state: StateOf, who: OperationsServer, order_id: OrderId) -> RoundOrderView:
    """Whether it waits, or which round it became."""
    return order_view(await orders.show_order(state, order_id))
