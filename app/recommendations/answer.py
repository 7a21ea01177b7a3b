"""What a recommendation route answers, and its bytes."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from fastapi import Response

from app.recommendations.user_state import DegradedReason

AnswerMode = Literal["hosted", "vector", "session", "anonymous"]
Source = Literal["personal", "session", "vector", "similar", "popular"]
Fallback = Literal[
    "no_model",
    "no_history",
    "vector_missing",
    "vector_retired",
    "item_not_in_model",
    "user_unknown",
]


@dataclass(frozen=True)
class ListedItem:
    """One place of a list; because: (item id, contribution), best first."""

    item_id: str
    score: float
    source: Source
    because: tuple[tuple[str, float], ...] = ()

    def content(self) -> dict[str, Any]:
        """As JSON."""
        reasons = [{"item_id": name, "contribution": share} for name, share in self.because]
        return {
            "item_id": self.item_id,
            "score": self.score,
            "source": self.source,
            "because": reasons,
        }


@dataclass(frozen=True)
class Answer:
    """A list, and how it came about. unknown_items: of a session; None for other requests."""

    mode: AnswerMode
    model_version: int | None
    items: tuple[ListedItem, ...]
    degraded_reason: DegradedReason | None = None
    adapted: bool = False
    fallback: Fallback | None = None
    unknown_items: tuple[str, ...] | None = None

    def with_unknown(self, item_ids: Iterable[str]) -> "Answer":
        """The same, saying which items of the session the model version does not hold."""
        return replace(self, unknown_items=tuple(dict.fromkeys(item_ids)))

    def content(self) -> dict[str, Any]:
        """As JSON."""
        content: dict[str, Any] = {
            "mode": self.mode,
            "model_version": self.model_version,
            "degraded": self.degraded_reason is not None,
            "degraded_reason": self.degraded_reason,
            "adapted": self.adapted,
            "fallback": self.fallback,
            "items": [item.content() for item in self.items],
        }
        if self.unknown_items is not None:
            content["unknown_items"] = self.unknown_items
        return content

    def response(self) -> Response:
        """Bytes out: nothing validates what was just made, and nobody else may keep it."""
        body = json.dumps(
            self.content(), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
        headers = {"Cache-Control": "private, no-store"}
        return Response(body.encode(), headers=headers, media_type="application/json")
