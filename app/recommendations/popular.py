"""What is listed when nothing personal can be: popular items, or with no model the newest."""

from itertools import islice

from app.models.serving import ServedModel
from app.recommendations import repository
from app.recommendations.answer import Answer, AnswerMode, Fallback, ListedItem
from app.recommendations.list_request import ListRequest
from app.recommendations.lists import NO_ROWS, Lists
from app.recommendations.user_state import DatabaseDownError, DegradedReason, read_briefly
from app.wiring import State
from recsys.arrays import Ints


async def popular_answer(
    state: State,
    model: ServedModel | None,
    request: ListRequest,
    mode: AnswerMode,
    fallback: Fallback | None,
    *,
    seen: Ints = NO_ROWS,
    degraded_reason: DegradedReason | None = None,
) -> Answer:
    """A list that is the same for everybody, but for what is seen or excluded.

    fallback: why it is not the list that was asked for; None when it is.
    """
    if model is not None:
        items = Lists.of(state["serving"], model, request, seen).popular()
        return Answer(mode, model.version, items, degraded_reason, fallback=fallback)
    try:
        items = await _newest(state, request, seen)
    except DatabaseDownError:
        items, degraded_reason = (), "database_down"
    return Answer(mode, None, items, degraded_reason, fallback="no_model")


async def _newest(state: State, request: ListRequest, seen: Ints) -> tuple[ListedItem, ...]:
    excluded, touched = set(request.exclude), set(seen.tolist())
    n = request.limit + len(excluded) + len(touched)
    newest = await read_briefly(state, lambda connection: repository.newest_items(connection, n))
    left = (name for name, row in newest if name not in excluded and row not in touched)
    return tuple(ListedItem(name, 0.0, "popular") for name in islice(left, request.limit))
