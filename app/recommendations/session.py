"""Recommendations for somebody who is known only by what they just did."""

from collections.abc import Sequence

import numpy as np

from app.errors import invalid_field
from app.models.serving import ServedModel
from app.recommendations.answer import Answer
from app.recommendations.explanations import Explainer
from app.recommendations.list_request import ListRequest
from app.recommendations.lists import Lists, no_reasons
from app.recommendations.popular import popular_answer
from app.recommendations.schemas import SessionItem
from app.recommendations.taste import taste_of
from app.wiring import State
from recsys.arrays import Ints
from recsys.history import History


async def recommend_for_session(
    state: State, session: Sequence[SessionItem], request: ListRequest
) -> Answer:
    """The list for a session, oldest event first. Its items count as seen; nothing is stored.

    Raises: Problem 422 naming an event type that the service does not have.
    """
    types = _type_indices(session, state["settings"].event_types)
    ids = [event.item_id for event in session]
    without = ListRequest(request.limit, [*request.exclude, *ids], request.reasons)
    model = state["serving"].current
    if model is None:
        answer = await popular_answer(state, None, without, "session", "no_model")
        return answer.with_unknown(ids)
    rows = _listable_rows(state, model, ids)
    known = rows >= 0
    unknown = [item_id for item_id, is_known in zip(ids, known, strict=True) if not is_known]
    if not known.any():
        answer = await popular_answer(state, model, without, "session", "no_history")
        return answer.with_unknown(unknown)
    return _ranked(state, model, rows[known], types[known], without).with_unknown(unknown)


def _ranked(
    state: State, model: ServedModel, rows: Ints, types: Ints, request: ListRequest
) -> Answer:
    serving = state["serving"]
    # A session lasts minutes: that its events have no times takes nothing from it.
    history = History(rows, types, np.zeros_like(rows))
    taste = taste_of(model, state["settings"].event_types, history)
    because = Explainer(model, taste, serving.listable(model)).because
    reasons = because if request.reasons else no_reasons
    items = Lists.of(serving, model, request).ranked(taste.vector(model), "session", reasons)
    return Answer("session", model.version, items)


def _listable_rows(state: State, model: ServedModel, ids: Sequence[str]) -> Ints:
    """The row of each item; -1 for one that is not, or not any more, in the catalogue."""
    listable = state["serving"].listable(model)
    rows = (model.row_of.get(item_id, -1) for item_id in ids)
    return np.asarray([row if row >= 0 and listable[row] else -1 for row in rows], np.int64)


def _type_indices(session: Sequence[SessionItem], event_types: Sequence[str]) -> Ints:
    place = {name: index for index, name in enumerate(event_types)}
    for i, event in enumerate(session):
        if event.type is not None and event.type not in place:
            message = f"must be one of {', '.join(event_types)}"
            raise invalid_field(f"session.{i}.type", message, "unknown_type")
    return np.asarray([place.get(event.type or "", 0) for event in session], np.int64)
