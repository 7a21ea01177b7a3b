"""Items like another item."""

from app.errors import not_found
from app.recommendations import repository
from app.recommendations.answer import Answer
from app.recommendations.list_request import ListRequest
from app.recommendations.lists import Lists
from app.recommendations.popular import popular_answer
from app.recommendations.user_state import DatabaseDownError, DegradedReason, read_briefly
from app.wiring import State


async def items_like(state: State, item_id: str, limit: int) -> Answer:
    """The nearest items; popular ones while no version holds the item.

    Raises: Problem 404.
    """
    model = state["serving"].current
    row = None if model is None else model.row_of.get(item_id)
    if model is None or row is None:
        return await _instead(state, item_id, limit)
    if not state["serving"].listable(model)[row]:
        raise not_found("item")
    items = Lists.of(state["serving"], model, ListRequest(limit)).similar(row)
    return Answer("anonymous", model.version, items)


async def _instead(state: State, item_id: str, limit: int) -> Answer:
    request = ListRequest(limit, [item_id])
    reason: DegradedReason | None = None
    try:
        if not await read_briefly(state, lambda c: repository.item_exists(c, item_id)):
            raise not_found("item")
    except DatabaseDownError:
        reason = "database_down"
    model = state["serving"].current
    return await popular_answer(
        state, model, request, "anonymous", "item_not_in_model", degraded_reason=reason
    )
