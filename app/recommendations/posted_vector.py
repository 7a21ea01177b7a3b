"""Recommendations for a vector that a device computed: the service never sees the history."""

from collections.abc import Sequence

import numpy as np

from app.access.dependencies import Caller
from app.cache.connection import CacheDown
from app.cache.user_codec import UserState, UserVector
from app.errors import Problem, invalid_field
from app.models.serving import ServedModel
from app.recommendations.answer import Answer
from app.recommendations.list_request import ListRequest
from app.recommendations.lists import Lists
from app.recommendations.popular import popular_answer
from app.recommendations.service import ranked_on_device
from app.recommendations.taste import VECTOR_NORM_MAX
from app.recommendations.user_state import DegradedReason, find_user_state
from app.wiring import State
from recsys.arrays import Floats


async def recommend_for_vector(
    state: State,
    who: Caller,
    values: Sequence[float],
    version: int,
    user_id: str | None,
    request: ListRequest,
) -> Answer:
    """The list for a vector. With `user_id` it is kept for a while, for lists asked for by name.

    Raises: Problem 403 `foreign_user`; 404; 409 `ranked_on_device`, `history_is_hosted`,
    `version_retired`, `version_unknown`; 422 naming `user_vector`.
    """
    if user_id is not None:
        who.require_user(user_id)
    checked = _checked(values)
    if state["serving"].current is None:
        return await popular_answer(state, None, request, "vector", "no_model")
    model = _rankable(state, version)
    if len(checked) != model.table.dim:
        message = f"must have {model.table.dim} values, not {len(checked)}"
        raise invalid_field("user_vector", message)
    vector = UserVector(version, checked)
    reason = None if user_id is None else await _keep(state, user_id, vector)
    items = Lists.of(state["serving"], model, request).ranked(vector.values, "vector")
    return Answer("vector", model.version, items, reason)


def _checked(values: Sequence[float]) -> Floats:
    """(n,) float32. What is finite as float64 may overflow float32: the norm is bounded first."""
    wide = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):  # an infinite norm is refused like any that is too large
        norm = np.linalg.norm(wide)
    if not norm <= VECTOR_NORM_MAX:
        raise invalid_field("user_vector", f"must have a norm of at most {VECTOR_NORM_MAX:g}")
    return wide.astype(np.float32)


def _rankable(state: State, version: int) -> ServedModel:
    serving = state["serving"]
    model = serving.get(version)
    if model is not None:
        return model
    current = serving.current_version
    extra = {"current_version": current}
    if current is not None and version < current:
        detail = f"Version {version} is not ranked any more: compute the vector for {current}."
        raise Problem(409, "version_retired", detail, extra=extra)
    detail = f"Version {version} is not known here; the newest is {current}."
    headers = {"Retry-After": "1"}  # another replica may have learnt of it a moment earlier
    raise Problem(409, "version_unknown", detail, extra=extra, headers=headers)


async def _keep(state: State, user_id: str, vector: UserVector) -> DegradedReason | None:
    """Cache the vector; why it could not be."""
    found = await find_user_state(state, user_id)
    if found.state is None or found.degraded_reason is not None:
        return found.degraded_reason
    _require_vector_mode(found.state)
    try:
        ttl_s = state["settings"].user_vector_ttl_s
        await state["user_states"].put_vector(user_id, vector, found.state.stamp, ttl_s)
    except CacheDown:
        return "cache_down"
    return None


def _require_vector_mode(user: UserState) -> None:
    if user.mode == "device":
        raise ranked_on_device()
    if user.mode == "hosted":
        detail = "This user's history is hosted: the service ranks without a vector."
        raise Problem(409, "history_is_hosted", detail)
