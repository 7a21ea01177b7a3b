"""Recommendations for a user who is known by name."""

from app.cache.user_codec import UserState, UserVector
from app.errors import Problem
from app.models.serving import ServedModel
from app.recommendations.answer import Answer, Fallback
from app.recommendations.explanations import Explainer
from app.recommendations.list_request import ListRequest
from app.recommendations.lists import Lists, no_reasons
from app.recommendations.popular import popular_answer
from app.recommendations.taste import taste_of
from app.recommendations.user_state import DegradedReason, find_user_state
from app.wiring import State


def ranked_on_device() -> Problem:
    """The refusal for a `device` user: there is nothing at the service to rank with."""
    detail = "This user's device ranks, over the model's shards; the service has nothing to rank."
    return Problem(409, "ranked_on_device", detail)


async def recommend_for_user(state: State, user_id: str, request: ListRequest) -> Answer:
    """The user's list, as their privacy mode allows.

    Raises: Problem 404; 409 `ranked_on_device`.
    """
    found = await find_user_state(state, user_id)
    reason = found.degraded_reason
    if found.state is None:
        model = state["serving"].current
        return await popular_answer(
            state, model, request, "anonymous", "user_unknown", degraded_reason=reason
        )
    if found.state.mode == "device":
        raise ranked_on_device()
    if found.state.mode == "vector":
        return await _for_vector_user(state, found.vector, request, reason)
    return await _for_hosted_user(state, found.state, request, reason)


async def _for_hosted_user(
    state: State, user: UserState, request: ListRequest, reason: DegradedReason | None
) -> Answer:
    model = state["serving"].current
    if model is not None:
        answer = _personal_answer(state, model, user, request, reason)
        if answer is not None:
            return answer
    return await popular_answer(
        state, model, request, "hosted", "no_history", seen=user.seen, degraded_reason=reason
    )


def _personal_answer(
    state: State,
    model: ServedModel,
    user: UserState,
    request: ListRequest,
    reason: DegradedReason | None,
) -> Answer | None:
    """None when the version holds nothing that the user touched."""
    serving, types = state["serving"], state["settings"].event_types
    taste = taste_of(model, types, user.history, user.tower)
    if taste.is_blank:
        return None
    because = Explainer(model, taste, serving.listable(model)).because
    lists = Lists.of(serving, model, request, user.seen)
    reasons = because if request.reasons else no_reasons
    items = lists.ranked(taste.vector(model), "personal", reasons)
    return Answer("hosted", model.version, items, reason, taste.adapted)


async def _for_vector_user(
    state: State,
    vector: UserVector | None,
    request: ListRequest,
    reason: DegradedReason | None,
) -> Answer:
    serving = state["serving"]
    model = None if vector is None else serving.get(vector.model_version)
    if vector is not None and model is not None and vector.values.shape == (model.table.dim,):
        items = Lists.of(serving, model, request).ranked(vector.values, "vector")
        return Answer("vector", model.version, items, reason)
    fallback: Fallback = "vector_missing" if vector is None else "vector_retired"
    return await popular_answer(
        state, serving.current, request, "vector", fallback, degraded_reason=reason
    )
