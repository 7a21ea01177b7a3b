"""Bodies and answers of the recommendation routes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.identifiers import ChosenId
from app.recommendations.answer import AnswerMode, Fallback, Source
from app.recommendations.user_state import DegradedReason
from app.schemas import StrictBody

LIST_LIMIT_MAX = 100
# A device drops what its user has seen, so it may ask for the list and its history besides.
VECTOR_LIMIT_MAX = 500
SESSION_ITEMS_MAX = 200
EXCLUDE_MAX = 1000
DIM_MAX = 512
INT32_MAX = 2**31 - 1

_ONE_OF: JsonDict = {
    "oneOf": [{"required": ["session"]}, {"required": ["user_vector", "model_version"]}]
}


class SessionItem(StrictBody):
    """One event of an anonymous session."""

    item_id: ChosenId
    type: Annotated[str, Field(max_length=128)] | None = Field(
        None, description="An event type of the service; the first one if left out."
    )


class RecommendationBody(StrictBody):
    """Exactly one of `session`, and `user_vector` with its `model_version`."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF)

    session: list[SessionItem] | None = Field(
        None, max_length=SESSION_ITEMS_MAX, description="What happened, oldest first."
    )
    user_vector: list[float] | None = Field(
        None, max_length=DIM_MAX, description="Of exactly the model version's width."
    )
    model_version: int | None = Field(None, ge=0, le=INT32_MAX)
    user_id: ChosenId | None = Field(
        None, description="Keep the vector for this user, for a while; needs their credential."
    )
    limit: int = Field(
        20,
        ge=1,
        le=VECTOR_LIMIT_MAX,
        description=f"Most items; above {LIST_LIMIT_MAX} only for a vector.",
    )
    exclude: list[ChosenId] = Field(default_factory=list, max_length=EXCLUDE_MAX)
    reasons: bool = Field(True, description="Whether to say what each item is there for.")


class ReasonView(BaseModel):
    """An earlier item and what it adds to the score, exactly."""

    item_id: str
    contribution: float


class ListedItemView(BaseModel):
    """One place of a list."""

    item_id: str
    score: float = Field(
        description="personal, session, vector: the model's score; similar: a cosine; "
        "popular: how many events hosted users have with it."
    )
    source: Source
    because: list[ReasonView] = Field(description="Most weighty first; empty when not known.")


class AnswerView(BaseModel):
    """A list, and how it came about."""

    mode: AnswerMode
    model_version: int | None
    degraded: bool = Field(description="Whether a store was away and the list is poorer for it.")
    degraded_reason: DegradedReason | None
    adapted: bool = Field(description="Whether the user's own adapted numbers took part.")
    fallback: Fallback | None = Field(description="Why the list is not the one asked for.")
    items: list[ListedItemView]


class SessionAnswerView(AnswerView):
    """For a session also which of its items the model version does not hold."""

    unknown_items: list[str] | None = None
