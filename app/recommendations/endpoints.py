"""Lists: for a user, for a session or a posted vector, like an item, popular."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from app.access.dependencies import RecommendPerson, RecommendReader
from app.conditional import conditional_json
from app.errors import invalid_field
from app.identifiers import ChosenId, PathId
from app.recommendations.answer import Answer
from app.recommendations.list_request import ListRequest
from app.recommendations.popular import popular_answer
from app.recommendations.posted_vector import recommend_for_vector
from app.recommendations.schemas import (
    EXCLUDE_MAX,
    LIST_LIMIT_MAX,
    AnswerView,
    RecommendationBody,
    SessionAnswerView,
)
from app.recommendations.service import recommend_for_user
from app.recommendations.session import recommend_for_session
from app.recommendations.similar_items import items_like
from app.wiring import State, StateOf

LIMIT_DEFAULT = 20

router = APIRouter(tags=["recommendations"])
Limit = Annotated[int, Query(ge=1, le=LIST_LIMIT_MAX, description="Most items of the list.")]
Exclude = Annotated[
    list[ChosenId], Query(max_length=EXCLUDE_MAX, description="Item ids to leave out; repeatable.")
]
Reasons = Annotated[bool, Query(description="Whether to say what each item is there for.")]
IfNoneMatch = Annotated[str | None, Header()]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client's copy is current."}
}


@router.get(
    "/users/{user_id}/recommendations",
    summary="Recommendations for a user",
    response_model=AnswerView,
)
async def get_recommendations(
    state: StateOf,
    who: RecommendPerson,
    user_id: PathId,
    limit: Limit = LIMIT_DEFAULT,
    exclude: Exclude = [],  # noqa: B006  the framework copies it
    reasons: Reasons = True,
) -> Response:
    """Never what the user touched before; the answer says how it came about."""
    who.require_user(user_id)
    answer = await recommend_for_user(state, user_id, ListRequest(limit, exclude, reasons))
    return _respond(state, answer)


@router.post(
    "/recommendations",
    summary="Recommendations for a session or a posted vector",
    response_model=SessionAnswerView,
)
async def post_recommendations(
    state: StateOf, who: RecommendReader, body: RecommendationBody
) -> Response:
    """For people whose history the service does not hold; a session is not stored."""
    _check_alternatives(body)
    request = ListRequest(body.limit, body.exclude, body.reasons)
    if body.session is not None:
        return _respond(state, await recommend_for_session(state, body.session, request))
    assert body.user_vector is not None
    assert body.model_version is not None
    answer = await recommend_for_vector(
        state, who, body.user_vector, body.model_version, body.user_id, request
    )
    return _respond(state, answer)


@router.get(
    "/items/{item_id}/similar",
    summary="Items like an item",
    response_model=AnswerView,
    responses=NOT_MODIFIED,
)
async def get_similar(
    state: StateOf,
    who: RecommendReader,
    item_id: PathId,
    limit: Limit = LIMIT_DEFAULT,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The nearest items by what the model learnt; popular ones while it does not know the item."""
    answer = await items_like(state, item_id, limit)
    _count(state, answer)
    return conditional_json(if_none_match, answer.content())


@router.get("/popular", summary="Popular items", response_model=AnswerView, responses=NOT_MODIFIED)
async def get_popular(
    state: StateOf,
    who: RecommendReader,
    limit: Limit = LIMIT_DEFAULT,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """By events of hosted users, then by the learnt bias; without a model the newest items."""
    model = state["serving"].current
    answer = await popular_answer(state, model, ListRequest(limit), "anonymous", None)
    _count(state, answer)
    return conditional_json(if_none_match, answer.content())


def _check_alternatives(body: RecommendationBody) -> None:
    """What the schema cannot say field by field.

    Raises: Problem 422.
    """
    if (body.session is None) == (body.user_vector is None):
        raise invalid_field("session", "give exactly one of session and user_vector")
    if body.session is not None:
        for field in ("model_version", "user_id"):
            if getattr(body, field) is not None:
                raise invalid_field(field, "goes with a user_vector only")
        if body.limit > LIST_LIMIT_MAX:
            raise invalid_field("limit", f"is at most {LIST_LIMIT_MAX} for a session")
    elif body.model_version is None:
        raise invalid_field("model_version", "is required with a user_vector")


def _respond(state: State, answer: Answer) -> Response:
    _count(state, answer)
    return answer.response()


def _count(state: State, answer: Answer) -> None:
    for item in answer.items:
        state["metrics"].recommendations.labels(item.source).inc()
