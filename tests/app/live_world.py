"""A shop in which a good version and a bad one differ by nats, and devices that measure them."""

from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from sqlalchemy import select

from app.coordinator import catalogue_versions, round_version
from app.coordinator.live_model import read_version
from app.coordinator.model import Model
from app.coordinator.update_words import update_words
from app.settings import Settings
from app.store.tables import items, versions
from federation.audit_chain import StoredRecord, verify_stored
from federation.plan import Plan
from federation.update_codec import encode
from recsys.arrays import Ints
from recsys.draws import draw_seeds
from recsys.history import History
from recsys.item_tower import ItemTower, TowerShape, first_tower
from recsys.local_training import LocalSettings
from recsys.server_step import ServerState
from tests.app.device_by_hand import HandDevice, put_items
from tests.app.round_world import RoundWorld, small_rounds

KINDS = ITEMS_PER_KIND = 4
N_ITEMS = KINDS * ITEMS_PER_KIND
COHORT = 12
LENGTH = 3.0  # of a good row: items of one kind find each other with near certainty


def live_settings(settings: Settings, **changes: object) -> Settings:
    """Rounds large enough for what they measure to count."""
    sizes: dict[str, object] = {"cohort_target": COHORT, "cohort_min": COHORT - 1}
    return small_rounds(settings, **(sizes | changes))


def kind_of(item_id: str) -> int:
    """The kind of an item of `device_by_hand.put_items`."""
    return int(item_id.removeprefix("item-")) % KINDS


class LiveWorld(RoundWorld):
    """Its users each go through the items of one kind; its first version knows that."""

    async def open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Publish a genesis that ranks well, open the first round, enrol a cohort."""
        await put_items(self.server, N_ITEMS)
        async with self.state["database"].read() as connection:
            rows = await connection.execute(select(items.c.row, items.c.id))
            self.rows = {item_id: row for row, item_id in rows}
        kinds = {row: kind_of(item_id) for item_id, row in self.rows.items()}
        monkeypatch.setattr(catalogue_versions, "first_tower", _knowing(kinds))
        await self.tick()
        await self.tick(after_s=1.0)
        self.devices = await self.enrol(*(f"user-{i}" for i in range(COHORT)))

    def shuffle_next_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the next round publish its version with all rows shuffled; later ones are sound.

        The rows are shuffled where the server step ends, so that the service's own publisher gates,
        records and publishes them. No two items of a kind keep rows that know of each other.
        """
        honest = round_version.step_from_sum
        own = [self.rows[f"item-{n}"] for n in range(N_ITEMS)]
        taken = [self.rows[f"item-{_swapped(n)}"] for n in range(N_ITEMS)]

        def step(state: ServerState, *rest: Any) -> Any:
            monkeypatch.setattr(round_version, "step_from_sum", honest)
            after, means = honest(state, *rest)
            with torch.no_grad():
                rows = after.tower.rows()
                after.tower.residual[own] += rows[taken] - rows[own]
            return after, means

        monkeypatch.setattr(round_version, "step_from_sum", step)

    async def fill_round(self, n_devices: int = COHORT) -> None:
        """Every device measures, trains on its own history, and uploads."""
        for number, device in enumerate(self.devices[:n_devices]):
            answer = await take_part(device, number)
            assert answer.status_code == 201, answer.text

    async def hold_round(self, n_devices: int = COHORT) -> None:
        """Fill the round and let the coordinator do all that is due."""
        await self.fill_round(n_devices)
        await self.tick()

    async def versions(self) -> list[dict[str, Any]]:
        """All versions as an operator sees them, oldest first."""
        answer = await self.server.get("/v1/models?limit=100")
        return list(answer.json()["data"])[::-1]

    async def standings(self) -> list[tuple[str, str]]:
        """Kind and standing of all versions, oldest first."""
        return [(one["kind"], one["standing"]) for one in await self.versions()]

    async def served(self) -> int:
        """The version that a recommendation is ranked with."""
        await self.state["serving"].refresh()
        answer = await self.server.post("/v1/recommendations", json={"session": []})
        version = int(answer.json()["model_version"])
        current = (await self.server.get("/v1/models/current")).json()["version"]
        assert version == current
        return version

    async def model(self, version: int) -> Model:
        return await read_version(self.state, version)

    async def check_chain(self) -> None:
        async with self.state["database"].read() as connection:
            found = await connection.execute(select(versions).order_by(versions.c.id))
            stored = [StoredRecord(row.id, row.record, row.chain) for row in found]
        assert verify_stored(stored) is None


async def take_part(device: HandDevice, number: int) -> httpx.Response:
    """Measure and train as a device does. number: decides the history, all four items of a kind."""
    assignment = (await device.check_in())["assignment"]
    plan, bundle = Plan.from_mapping(assignment["plan"]), await device.download(assignment)
    base = f"/v1/models/{plan.model_version}/catalogue/{bundle.catalogue}"
    rows = (await device.client.get(base)).json()["rows"]
    rng = np.random.default_rng(number)
    of_kind = [row for row, item_id in rows if kind_of(item_id) == number % KINDS]
    seen = rng.permutation(np.asarray(of_kind[:ITEMS_PER_KIND], np.int64))
    positions = np.searchsorted(bundle.rows, seen)
    history = History.of(positions.tolist())
    seeds = draw_seeds(rng, LocalSettings.from_mapping(plan.training).local_steps)
    body = encode(plan.digest, update_words(plan, bundle, history, seeds))
    return await device.put(assignment["upload_url"], body)


def _knowing(kinds: Mapping[int, int]) -> Any:
    """`first_tower`, with rows by which items of one kind find each other."""

    @torch.no_grad()
    def make(shape: TowerShape, features: Mapping[int, Ints], height: int, seed: int) -> ItemTower:
        tower = first_tower(shape, features, height, seed)
        for row in features:
            head = torch.zeros(shape.dim)
            head[kinds[row]] = LENGTH
            wanted = torch.cat([head, head, head, torch.zeros(1)])
            tower.residual[row] += wanted - tower.rows()[row]
        return tower

    return make


def _swapped(number: int) -> int:
    """Whose row an item gets: the j-th item of a kind that of the kind j places further."""
    place, kind = divmod(number, KINDS)
    return place * KINDS + (kind + place) % KINDS
