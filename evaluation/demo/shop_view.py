"""What the page shows: from this process's devices; the service is asked for rounds only."""

import threading
import time
from collections.abc import Mapping
from typing import Any, cast

from app.clock import rfc3339
from clients.python.device import Device
from clients.python.model_store import ModelStore
from clients.python.problems import ServiceProblem
from clients.python.service_client import ServiceClient
from evaluation.demo.results import LABELS, Results
from evaluation.demo.shop import Shop
from evaluation.demo.view import (
    HeldOut,
    Item,
    Quality,
    Ranks,
    Reason,
    Recommendation,
    Refused,
    Round,
    ServiceView,
    Shopper,
    ShopperEntry,
    Summary,
)

HISTORY_SHOWN = 60
ITEMS_SHOWN = 12


class ShopView:
    """Implements `evaluation.demo.view.DemoView` over a fleet's devices."""

    def __init__(
        self,
        shop: Shop,
        service_url: str,
        devices: Mapping[str, Device],
        models: ModelStore,
        client: ServiceClient,
        results: Results,
    ) -> None:
        self._shop = shop
        self._service_url = service_url
        self._devices = devices
        self._models = models
        self._client = client
        self._results = results
        self._items = {item.id: _item(item.id, item.content) for item in shop.dataset.items}
        popularity = shop.popularity()
        self._popular = sorted(popularity, key=lambda item_id: -popularity[item_id])
        self._rounds: list[Round] = []
        self._lock = threading.Lock()  # a device serves one thread at a time

    def summary(self) -> Summary:
        """The demo in figures."""
        results = self._results
        manifest = self._models.manifest()
        return Summary(
            name=results.name,
            shoppers=results.shoppers,
            items=results.items,
            currency=self._shop.currency,
            event_types=list(self._shop.dataset.event_types),
            service_url=self._service_url,
            rounds=results.rounds,
            updates=results.updates,
            requests_per_update=results.requests_per_update,
            results=[
                cast(Quality, {"name": name, "label": label, **results.quality(name)})
                for name, label in LABELS.items()
                if name in results.ranks
            ],
            evaluated=results.evaluated,
            model_version=manifest.version if manifest else None,
        )

    def shoppers(self) -> list[ShopperEntry]:
        """All shoppers, in the order of the data."""
        return [
            ShopperEntry(id=user, label=_label(user), n_events=len(device.events))
            for user, device in self._devices.items()
        ]

    def shopper(self, shopper_id: str) -> Shopper | None:
        """One shopper, as the device knows it."""
        device = self._devices.get(shopper_id)
        if device is None:
            return None
        with self._lock:
            return self._describe(shopper_id, device)

    def record(self, shopper_id: str, item_id: str, event_type: str) -> Shopper | Refused:
        """Append to the history on the device; nothing leaves it."""
        device = self._devices.get(shopper_id)
        if device is None:
            return Refused("shopper_id", "there is no such shopper")
        if item_id not in self._items:
            return Refused("item_id", "there is no such item")
        if event_type not in self._shop.dataset.event_types:
            return Refused("type", f"must be one of {', '.join(self._shop.dataset.event_types)}")
        with self._lock:
            device.record(item_id, event_type, time.time())
            return self._describe(shopper_id, device)

    def rounds(self) -> list[Round]:
        """The service's rounds; the last known while it is away."""
        try:
            found = self._client.rounds(limit=100)
        except ServiceProblem:
            return self._rounds
        names = Round.__annotations__
        self._rounds = [cast(Round, {n: v for n, v in one.items() if n in names}) for one in found]
        return self._rounds

    def _describe(self, user: str, device: Device) -> Shopper:
        events = device.events
        touched = {event.item_id for event in events}
        manifest = self._models.manifest()
        popular = [item_id for item_id in self._popular if item_id not in touched]
        return Shopper(
            id=user,
            label=_label(user),
            folder=str(device.folder),
            model_version=manifest.version if manifest else None,
            history=[
                {"item": self._items[e.item_id], "type": e.type, "at": rfc3339(e.at)}
                for e in reversed(events[-HISTORY_SHOWN:])
            ],
            n_events=len(events),
            recommendations=self._recommendations(device),
            popular=[self._items[item_id] for item_id in popular[:ITEMS_SHOWN]],
            held_out=self._held_out(user),
            service_view=self._service_view(user),
        )

    def _recommendations(self, device: Device) -> list[Recommendation]:
        return [
            Recommendation(
                item=self._items[found.item_id],
                score=found.score,
                source="personal",
                because=[
                    Reason(item=self._items[item_id], contribution=share)
                    for item_id, share in found.because
                ],
            )
            for found in device.recommend(ITEMS_SHOWN)
        ]

    def _held_out(self, user: str) -> HeldOut | None:
        ranks = {name: by_user.get(user) for name, by_user in self._results.ranks.items()}
        item_id = self._shop.split.held_out.get(user)
        if item_id is None or None in ranks.values():
            return None
        rank = cast(Ranks, {name: ranks[name] for name in ("before", "after", "adapted")})
        return HeldOut(
            item=self._items[item_id], rank=rank, n_candidates=self._results.n_candidates[user]
        )

    def _service_view(self, user: str) -> ServiceView | None:
        try:
            mode = self._client.user(user)["mode"]
            return ServiceView(mode=mode, events=len(self._client.user_events(user)))
        except ServiceProblem:
            return None


def _label(user: str) -> str:
    return user.replace("-", " ").replace("_", " ").capitalize()


def _item(item_id: str, content: Any) -> Item:
    return Item(
        id=item_id,
        title=content.title or item_id,
        categories=list(content.categories),
        brand=content.brand or ", ".join(content.creators),
        price=content.price,
    )
