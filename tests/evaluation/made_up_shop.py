"""A small made-up shop behind the demo's page: real arithmetic over invented items and shoppers."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from evaluation.demo.view import (
    HistoryEvent,
    Item,
    Recommendation,
    Refused,
    Round,
    ServiceView,
    Shopper,
    ShopperEntry,
    Summary,
)

CATALOGUE = {
    ("Photo", "Cameras"): ["Mark III Full-Frame Camera", "R50 Mirrorless Camera", "Travel Zoom"],
    ("Photo", "Lenses"): ["35 mm f/1.8 Prime Lens", "70-200 mm Telephoto Lens", "Macro Lens 90 mm"],
    ("Photo", "Tripods"): ["Carbon Travel Tripod", "Tabletop Tripod", "Video Fluid Head"],
    ("Audio", "Headphones"): ["Studio Over-Ear Headphones", "Wireless Earbuds Pro", "Open-Back HD"],
    ("Audio", "Speakers"): ["Portable Speaker Mini", "Bookshelf Speakers, Walnut", "Soundbar 300"],
    ("Kitchen", "Coffee"): ["Burr Grinder", "Pour-Over Set for Two", "Espresso Machine Uno"],
    ("Kitchen", "Knives"): ["Chef's Knife 20 cm", "Santoku, Damascus", "Paring Knife Set"],
    ("Outdoor", "Tents"): ["Two-Person Trekking Tent", "Ultralight Tarp", "Family Dome Tent"],
    ("Outdoor", "Packs"): ["Daypack 22 l", "Trekking Pack 55 l", "Roll-Top Courier Bag"],
    ("Home", "Lamps"): ["Desk Lamp with Dimmer", "Paper Floor Lamp", "Reading Light, Brass"],
}
BRANDS = ("Halden", "Orisk", "Lumeva", "Tessaro", "Veldt & Sons", "Noctiq")
COLOURS = ("Black", "Sand", "Forest", "Slate")
EVENT_TYPES = ("view", "cart", "purchase")
WEIGHT = {"view": 1.0, "cart": 1.8, "purchase": 2.6}
NOW = datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
HOSTILE_ID = "shopper/%2F 🛒?#"
HOSTILE_TITLE = "<img src=x onerror=alert(1)> Enamel Mug, 12 oz"
N_LISTED = 12


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _items() -> list[Item]:
    items: list[Item] = []
    for shelf, (categories, names) in enumerate(CATALOGUE.items()):
        for k, name in enumerate([*names, *names]):
            brand = BRANDS[(shelf * 2 + k) % len(BRANDS)]
            title = f"{brand} {name}, {COLOURS[(shelf + k) % len(COLOURS)]}"
            price = round(19.9 + 37.35 * ((shelf * 5 + k * 7) % 23), 2)
            items.append(_item(f"{categories[1].lower()}-{k:04d}", title, categories, brand, price))
    items.append(_item("mug/100%2F☕", HOSTILE_TITLE, ("Kitchen",), "", None))
    return items


def _item(
    item_id: str, title: str, categories: Sequence[str], brand: str, price: float | None
) -> Item:
    return {
        "id": item_id,
        "title": title,
        "categories": list(categories),
        "brand": brand,
        "price": price,
    }


class MadeUpShop:
    """A `DemoView`: scores are dot products of invented vectors, so that reasons are exact."""

    def __init__(self, n_shoppers: int = 60, n_rounds: int = 48, seed: int = 7) -> None:
        self._lock = threading.Lock()
        rng = np.random.default_rng(seed)
        self.items = _items()
        self.row_of = {item["id"]: row for row, item in enumerate(self.items)}
        shelf = rng.normal(size=(len(CATALOGUE) + 1, 16))
        self.vectors = np.array([shelf[row // 6] for row in range(len(self.items))])
        self.vectors = 0.3 * (self.vectors + 0.6 * rng.normal(size=self.vectors.shape))
        self.by_popularity = [int(row) for row in rng.permutation(len(self.items))]
        ids = [HOSTILE_ID, *(f"shopper-{k:04d}" for k in range(1, n_shoppers))]
        self.histories = {shopper: _history(rng, len(self.items)) for shopper in ids}
        self.listed_rounds = [_round(k, rng) for k in range(n_rounds, 0, -1)]
        self.service_view: ServiceView | None = {"mode": "device", "events": 0}
        self.model_version = n_rounds

    def summary(self) -> Summary:
        return {
            "name": "Sample shop",
            "shoppers": len(self.histories),
            "items": len(self.items),
            "currency": "EUR",
            "event_types": list(EVENT_TYPES),
            "service_url": "http://127.0.0.1:8000",
            "rounds": len(self.listed_rounds),
            "updates": sum(r["accepted"] for r in self.listed_rounds),
            "requests_per_update": 3.0,
            "results": [
                _quality("popular", "Most popular", 0.0742, 0.0365),
                _quality("before", "Shared tower, before the rounds", 0.0187, 0.0079),
                _quality("after", "Shared tower, after the rounds", 0.1893, 0.1042),
                _quality("adapted", "After local adaptation", 0.2134, 0.1187),
            ],
            "evaluated": 583,
            "model_version": self.model_version,
        }

    def shoppers(self) -> list[ShopperEntry]:
        return [
            {"id": shopper, "label": self._label(shopper), "n_events": len(history)}
            for shopper, history in self.histories.items()
        ]

    def shopper(self, shopper_id: str) -> Shopper | None:
        with self._lock:
            return self._document(shopper_id) if shopper_id in self.histories else None

    def record(self, shopper_id: str, item_id: str, event_type: str) -> Shopper | Refused:
        if shopper_id not in self.histories:
            return Refused("shopper_id", "no shopper has this id")
        if item_id not in self.row_of:
            return Refused("item_id", "no item has this id")
        if event_type not in EVENT_TYPES:
            return Refused("type", "is none of view, cart, purchase")
        with self._lock:
            event = (self.row_of[item_id], event_type, _stamp(datetime.now(UTC)))
            self.histories[shopper_id].insert(0, event)
            return self._document(shopper_id)

    def rounds(self) -> list[Round]:
        return list(self.listed_rounds)

    def publish_round(self) -> Round:
        """One more round, as the coordinator would end it."""
        self.model_version += 1
        added = _round(len(self.listed_rounds) + 1, np.random.default_rng(1))
        self.listed_rounds.insert(0, added)
        return added

    def _label(self, shopper_id: str) -> str:
        return (
            "Shopper 0000"
            if shopper_id == HOSTILE_ID
            else shopper_id.replace("shopper-", "Shopper ")
        )

    def _document(self, shopper_id: str) -> Shopper:
        history = self.histories[shopper_id]
        return {
            "id": shopper_id,
            "label": self._label(shopper_id),
            "folder": f"/tmp/twofold-demo/devices/{list(self.histories).index(shopper_id):04d}",
            "model_version": self.model_version,
            "history": [self._event(*event) for event in history[:60]],
            "n_events": len(history),
            "recommendations": self._recommend(history),
            "popular": [self.items[row] for row in self.by_popularity[:N_LISTED]],
            "held_out": {
                "item": self.items[self.by_popularity[30]],
                "rank": {"before": 1291.5, "after": 44, "adapted": 6},
                "n_candidates": 2312,
            },
            "service_view": self.service_view,
        }

    def _event(self, row: int, event_type: str, at: str) -> HistoryEvent:
        return {"item": self.items[row], "type": event_type, "at": at}

    def _recommend(self, history: list[tuple[int, str, str]]) -> list[Recommendation]:
        recent = history[:40]
        shares = np.array([WEIGHT[t] * 0.93**age for age, (_, t, _) in enumerate(recent)])
        pulls = (shares[:, None] * self.vectors[[row for row, _, _ in recent]]) @ self.vectors.T
        scores = pulls.sum(axis=0)
        scores[[row for row, _, _ in history]] = -np.inf
        best = np.argsort(-scores)[:N_LISTED]
        listed = [row for row in best if np.isfinite(scores[row])]
        return [self._recommendation(int(row), scores, pulls, recent) for row in listed]

    def _recommendation(
        self,
        row: int,
        scores: np.ndarray,
        pulls: np.ndarray,
        recent: list[tuple[int, str, str]],
    ) -> Recommendation:
        top = np.argsort(-pulls[:, row])[:3]
        return {
            "item": self.items[row],
            "score": float(scores[row]),
            "source": "personal",
            "because": [
                {"item": self.items[recent[j][0]], "contribution": float(pulls[j, row])}
                for j in top
            ],
        }


def _quality(name: str, label: str, hr: float, ndcg: float) -> dict[str, object]:
    return {"name": name, "label": label, "hr@10": hr, "ndcg@10": ndcg}


def _history(rng: np.random.Generator, n_items: int) -> list[tuple[int, str, str]]:
    """Newest first: sessions of one or two tastes, each of which ends in a cart or a purchase."""
    tastes = rng.choice(n_items // 6, size=3, replace=False)
    events = []
    at = NOW - timedelta(hours=float(rng.integers(1, 40)))
    for _ in range(int(rng.integers(20, 90))):
        taste = int(rng.choice(tastes, p=[0.6, 0.3, 0.1]))
        row = taste * 6 + int(rng.integers(0, 4))
        kind = str(rng.choice(EVENT_TYPES, p=[0.78, 0.14, 0.08]))
        events.append((row, kind, _stamp(at)))
        at -= timedelta(minutes=float(rng.exponential(900)) + 1)
    return events


def _round(k: int, rng: np.random.Generator) -> Round:
    """Round k; every seventeenth misses its quorum."""
    failed = k % 17 == 0
    granted = 72
    accepted = 21 if failed else int(rng.integers(60, 70))
    loss = 7.7 - 1.9 * (1 - np.exp(-k / 14)) + 0.06 * rng.normal()
    hits = max(0.0, 0.19 * (1 - np.exp(-k / 16)) + 0.01 * rng.normal())
    opened = NOW - timedelta(seconds=6.5 * (60 - k))
    return {
        "id": k,
        "phase": "abandoned" if failed else "published",
        "reason": "quorum_missed" if failed else None,
        "model_version": k,
        "published_version": None if failed else k + 1,
        "granted": granted,
        "accepted": accepted,
        "expired": granted - accepted,
        "opened_at": _stamp(opened),
        "ended_at": _stamp(opened + timedelta(seconds=5.4)),
        "requests_per_update": 3.0,
        "metrics": None if failed else {"n": 8.0, "loss": float(loss), "hits_at_10": float(hits)},
    }
