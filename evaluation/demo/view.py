"""What the demo's page may ask of the device process: documents, ready to be sent as JSON.

The device process holds the shoppers' device folders. Whatever is private to a shopper (history,
recommendations, reasons) comes from there; the service is asked for two things only: its rounds,
and what it holds about a shopper, which for a user in mode `device` is no event at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

# pydantic, which writes these documents as JSON, takes `typing.TypedDict` from Python 3.12 on only.
from typing_extensions import TypedDict


class Item(TypedDict):
    """Public content of an item. `brand` may be empty, `price` unknown."""

    id: str
    title: str
    categories: list[str]
    brand: str
    price: float | None


Quality = TypedDict(
    "Quality",
    {
        "name": Literal["popular", "before", "after", "adapted"],
        "label": str,
        "hr@10": float,
        "ndcg@10": float,
    },
)
"""Quality of one model, the mean over the evaluated shoppers, full ranking."""


class Summary(TypedDict):
    """The demo in figures.

    currency: ISO 4217 code of the prices; None when unknown, then prices are shown bare.
    event_types: what a shopper may do with an item, as the model version lists it.
    evaluated: number of shoppers behind `results`, which is empty before the evaluation.
    """

    name: str
    shoppers: int
    items: int
    currency: str | None
    event_types: list[str]
    service_url: str
    rounds: int
    updates: int
    requests_per_update: float | None
    results: list[Quality]
    evaluated: int
    model_version: int | None


class ShopperEntry(TypedDict):
    """One line of the shopper picker."""

    id: str
    label: str
    n_events: int


class HistoryEvent(TypedDict):
    """One event on the device. `at` is RFC 3339 in UTC; None when the data keeps no time."""

    item: Item
    type: str
    at: str | None


class Reason(TypedDict):
    """An item of the history and its exact share of a recommendation's score."""

    item: Item
    contribution: float


class Recommendation(TypedDict):
    """A recommended item, its score and the history items that weigh most in it."""

    item: Item
    score: float
    source: str
    because: list[Reason]


class Ranks(TypedDict):
    """Ranks of the held-out item, 1 the best; tied items share their mean rank."""

    before: float
    after: float
    adapted: float


class HeldOut(TypedDict):
    """The purchase that was kept from the device, and where each model ranks it."""

    item: Item
    rank: Ranks
    n_candidates: int


class ServiceView(TypedDict):
    """What the service answered when asked for the shopper."""

    mode: str
    events: int


class Shopper(TypedDict):
    """Everything that the page shows of one shopper.

    folder: path of the device folder. history: newest first, at most 60; n_events counts all.
    recommendations, popular: at most 12 each. service_view: None while the service is away.
    """

    id: str
    label: str
    folder: str
    model_version: int | None
    history: list[HistoryEvent]
    n_events: int
    recommendations: list[Recommendation]
    popular: list[Item]
    held_out: HeldOut | None
    service_view: ServiceView | None


class RoundMetrics(TypedDict):
    """Federated evaluation of the received version: means over the round's devices."""

    n: float
    loss: float
    hits_at_10: float


class Round(TypedDict):
    """One round as the service reports it. Times are RFC 3339 in UTC."""

    id: int | str
    phase: str
    reason: str | None
    model_version: int | None
    published_version: int | None
    granted: int
    accepted: int
    expired: int
    opened_at: str | None
    ended_at: str | None
    requests_per_update: float | None
    metrics: RoundMetrics | None


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that the device did not record, and the field that is at fault."""

    field: Literal["shopper_id", "item_id", "type"]
    message: str


class DemoView(Protocol):
    """The device process as the page sees it.

    Called from several threads at once; an implementation guards its own state.
    """

    def summary(self) -> Summary:
        """The demo in figures, as they are now."""

    def shoppers(self) -> Sequence[ShopperEntry]:
        """All shoppers, in the order of the picker."""

    def shopper(self, shopper_id: str) -> Shopper | None:
        """One shopper; None when there is none of that id."""

    def record(self, shopper_id: str, item_id: str, event_type: str) -> Shopper | Refused:
        """Append an event to the history on the device, now, and rank anew.

        Nothing is sent to the service.
        """

    def rounds(self) -> Sequence[Round]:
        """Rounds, newest first; the last that were known while the service is away."""
