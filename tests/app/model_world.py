"""A shop whose model versions are written by the service's own publisher, from seeded tables."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.user_codec import Stamp, UserState, encode_state
from app.models.publish import Catalogue, VersionContent, write_version
from app.models.served_model import ServedModel
from app.store.tables import catalogue, events, items, user_towers, users, versions
from app.wiring import State
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.ranking import scores
from recsys.shared_scalars import SharedScalars, n_scalars
from recsys.user_tower import UserTower, user_vector

DIM = 8
EVENT_TYPES = ("view", "cart", "purchase")
ITEMS = [f"item-{n:02}" for n in range(40)]
VECTOR = [0.5, -0.25, 0.0, 1.0, 0.0, 0.0, -1.0, 0.125]


def random_table(n_rows: int, seed: int, dim: int = DIM) -> ItemTable:
    """Rows as a trained tower might yield them: every number different, none large."""
    rng = np.random.default_rng(seed)
    heads = (rng.normal(0, 0.5, (n_rows, dim)).astype(np.float32) for _ in range(3))
    return ItemTable(*heads, rng.normal(0, 0.2, n_rows).astype(np.float32))


def random_scalars(seed: int, n_types: int = 3, history_length: int = 20) -> SharedScalars:
    """Scalars away from their initial values, so that a mix-up shows."""
    rng = np.random.default_rng(seed)
    vector = rng.normal(0, 0.3, n_scalars(history_length, n_types)).astype(np.float32)
    return SharedScalars.from_vector(vector, history_length, n_types)


def path_of(item_id: str) -> str:
    """An id as one path segment, every byte encoded: clients resolve `..` themselves."""
    return "".join(f"%{byte:02X}" for byte in item_id.encode())


def a_state(revision: int = 1, created_at: float = 100.0, **changes: Any) -> UserState:
    """A state with three events."""
    values: dict[str, Any] = {
        "mode": "hosted",
        "stamp": Stamp(created_at, revision),
        "history": History.of([5, 1, 5], [0, 2, 1], [1_000, 1_000, 1_060]),
        "seen": np.asarray([1, 5, 900], np.int64),
        "tower": b"",
    }
    return UserState(**{**values, **changes})


def same(one: UserState | None, other: UserState | None) -> bool:
    """Whether two states say the same."""
    return one is not None and other is not None and encode_state(one) == encode_state(other)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens beside the requests, ten seconds at most."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


@dataclass
class Shop:
    """What tests do to a service: everything through its routes, but for publishing."""

    state: State
    client: httpx.AsyncClient
    n_events: int = field(default=0)

    async def put_items(self, *ids: str) -> None:
        """Items through the API, in one call."""
        lines = [json.dumps({"id": item_id, "title": "x"}) for item_id in ids]
        headers = {"Content-Type": "application/x-ndjson"}
        body = "\n".join(lines).encode()
        answer = await self.client.post("/v1/items:import", content=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def put_user(self, user_id: str, mode: str = "hosted") -> None:
        """A user through the API."""
        url = f"/v1/users/{path_of(user_id)}"
        answer = await self.client.put(url, json={"mode": mode})
        assert answer.status_code in (200, 201), answer.text

    async def post_event(self, user_id: str, item_id: str, type_: str = "view") -> None:
        """One event through the API."""
        await self.post_events(user_id, [(item_id, type_)])

    async def post_events(self, user_id: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Events through the API, in one call: item and type, oldest first."""
        batch = []
        for item_id, type_ in pairs:
            self.n_events += 1
            event = {"event_id": f"e{self.n_events}", "user_id": user_id, "item_id": item_id}
            batch.append({**event, "type": type_})
        answer = await self.client.post("/v1/events", json={"events": batch})
        assert answer.status_code < 300, answer.text

    async def rows(self) -> dict[str, int]:
        """Live items and their rows."""
        async with self.state["database"].read() as connection:
            return {item_id: row for row, item_id in await _live_rows(connection)}

    async def publish(
        self,
        seed: int = 1,
        *,
        event_types: Sequence[str] = EVENT_TYPES,
        table: ItemTable | None = None,
        scalars: SharedScalars | None = None,
        refresh: bool = True,
    ) -> int:
        """The next version, over the catalogue as it is now; its number."""

        async def run(connection: AsyncConnection) -> int:
            newest = (await connection.execute(select(func.max(versions.c.id)))).scalar_one()
            revision = (await connection.execute(select(catalogue.c.revision))).scalar()
            rows = await _live_rows(connection)
            n_rows = max((row for row, _ in rows), default=-1) + 1
            content = VersionContent(
                version=(newest or 0) + 1,
                parent=newest,
                kind="catalogue" if newest else "genesis",
                round_id=None,
                table=table or random_table(n_rows, seed),
                scalars=scalars or random_scalars(seed, len(event_types)),
                event_types=event_types,
                catalogue=Catalogue(revision or 0, tuple(rows)),
            )
            manifest = write_version(self.state["blobs"], content)
            served = versions.update().where(versions.c.standing == "live")
            await connection.execute(served.values(standing="superseded"))
            await connection.execute(insert(versions).values(_version(content, manifest)))
            return content.version

        version = await self.state["database"].transaction("publish", run)
        if refresh:
            await self.state["serving"].refresh()
        return version

    def model(self) -> ServedModel:
        """The version that the service ranks with."""
        model = self.state["serving"].current
        assert model is not None
        return model

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The body of a successful GET."""
        answer = await self.client.get(f"/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def recommend(self, user_id: str, **params: Any) -> dict[str, Any]:
        """A user's list."""
        return await self.get(f"/users/{path_of(user_id)}/recommendations", **params)

    async def post(self, **body: Any) -> dict[str, Any]:
        """The list for a session or a vector."""
        answer = await self.client.post("/v1/recommendations", json=body)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    async def store_tower(self, user_id: str, body: bytes) -> None:
        """What the coordinator stores after adapting a hosted user, and the revision it moves."""

        async def run(connection: AsyncConnection) -> None:
            values = {"model_version": 1, "state_revision": 1, "tower": body, "adapted_at": 0.0}
            await connection.execute(insert(user_towers).values(user_id=user_id, **values))
            bump = users.update().where(users.c.id == user_id)
            await connection.execute(bump.values(state_revision=users.c.state_revision + 1))

        await self.state["database"].transaction("store_tower", run)

    async def history(self, user_id: str) -> list[tuple[int, str]]:
        """Item row and type of every stored event, oldest first."""
        query = select(events.c.item_row, events.c.type).where(events.c.user_id == user_id)
        async with self.state["database"].read() as connection:
            found = await connection.execute(query.order_by(events.c.at, events.c.id))
            return [(row, type_) for row, type_ in found]


def ids_of(answer: dict[str, Any]) -> list[str]:
    """The listed items, in order."""
    return [item["item_id"] for item in answer["items"]]


async def open_shop(state: State, client: httpx.AsyncClient) -> Shop:
    """Forty items, one version, and a user of each kind; `reader` has a history of three items."""
    shop = Shop(state, client)
    await shop.put_items(*ITEMS)
    await shop.publish(1)
    modes = {"reader": "hosted", "fresh": "hosted", "vee": "vector", "dee": "device"}
    for user_id, mode in modes.items():
        await shop.put_user(user_id, mode)
    names = ["item-03", "item-07", "item-03", "item-11"]
    await shop.post_events("reader", zip(names, [*EVENT_TYPES, "view"], strict=True))
    return shop


async def history_of(shop: Shop, user_id: str) -> History:
    """The stored history with the served version's own type indices."""
    events, types = await shop.history(user_id), shop.model().event_types
    return History.of([row for row, _ in events], [types.index(type_) for _, type_ in events])


def expected(
    model: ServedModel, history: History, tower: UserTower | None = None
) -> dict[str, float]:
    """Every item's score, by the mathematics' own functions."""
    tower = tower or UserTower.default(model.scalars, model.table.dim)
    values = scores(model.table, user_vector(model.table, model.scalars, tower, history))
    return {item_id: float(values[row]) for item_id, row in model.row_of.items()}


def assert_ranked(answer: dict[str, Any], values: dict[str, float], never: set[str]) -> None:
    """The answer holds the best items but `never`, best first, with their scores."""
    best = sorted((name for name in values if name not in never), key=lambda name: -values[name])
    assert ids_of(answer) == best[: len(answer["items"])]
    found = [item["score"] for item in answer["items"]]
    assert found == pytest.approx([values[name] for name in ids_of(answer)], rel=1e-5, abs=1e-6)


async def _live_rows(connection: AsyncConnection) -> list[tuple[int, str]]:
    query = select(items.c.row, items.c.id).where(items.c.deleted_at.is_(None))
    return [
        (row, item_id) for row, item_id in await connection.execute(query.order_by(items.c.row))
    ]


def _version(content: VersionContent, manifest: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    return {
        "id": content.version,
        "parent": content.parent,
        "kind": content.kind,
        "round_id": None,
        "catalogue_revision": content.catalogue.revision,
        "manifest": manifest,
        "manifest_digest": digest,
        "model_digest": digest,
        "record": b"{}",
        "chain": f"chain-{content.version}",
        "published_at": 0.0,
        "origin": content.version,
        "standing": "live",
        "live_at": 0.0,
    }
