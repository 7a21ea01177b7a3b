"""Bodies and answers of the item routes."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.identifiers import ChosenId
from app.schemas import StrictBody
from app.texts import StorableText

TITLE_CHARS_MAX = 500
NAME_CHARS_MAX = 200
NAMES_MAX = 100
PRICE_MAX = 1e12

Name = Annotated[StorableText, Field(min_length=1, max_length=NAME_CHARS_MAX)]
Names = Annotated[list[Name], Field(max_length=NAMES_MAX)]


class ItemContent(StrictBody):
    """What is publicly known of an item; a new item's first row is computed from it alone."""

    title: Annotated[StorableText, Field(max_length=TITLE_CHARS_MAX)] = ""
    categories: Names = Field(default_factory=list)
    brand: Annotated[StorableText, Field(max_length=NAME_CHARS_MAX)] = ""
    creators: Names = Field(default_factory=list)
    price: Annotated[float, Field(ge=0, le=PRICE_MAX)] | None = None
    tags: Names = Field(default_factory=list)


class ImportLine(ItemContent):
    """One line of an import: an item with its id."""

    id: ChosenId

    def content(self) -> dict[str, Any]:
        """The line without its id."""
        return self.model_dump(exclude={"id"})


class ItemView(BaseModel):
    """An item."""

    id: str
    title: str
    categories: list[str]
    brand: str
    creators: list[str]
    price: float | None
    tags: list[str]
    created_at: str
    updated_at: str


class ItemPage(BaseModel):
    """Live items in the order of their ids, bytewise."""

    data: list[ItemView]
    next_cursor: str | None


class LineError(BaseModel):
    """Why a line was rejected. line: from 1."""

    line: int
    field: str
    message: str


class ImportReport(BaseModel):
    """What an import did; `errors` holds the first 20 only, the counts are complete."""

    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[LineError] = Field(default_factory=list)
