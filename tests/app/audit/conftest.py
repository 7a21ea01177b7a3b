"""What there is to audit: lived through once for each kind of database, copied for each test."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.access.secrets import bootstrap_keys
from app.cache.embedded import EmbeddedRedis
from app.settings import Settings
from app.wiring import State
from tests.app.audit_world import publish_rounds
from tests.app.conftest import FakeClock, clients_of, running, small_settings
from tests.app.databases import Databases, run_apart
from tests.app.device_by_hand import Connect, put_items
from tests.app.round_world import RoundWorld, small_rounds


@dataclass(frozen=True)
class Past:
    """Stores as a service has left them. now: its clock at the end."""

    database_url: str
    data_dir: Path
    now: float


@pytest.fixture(scope="session")
def pasts() -> dict[str, Past]:
    """By kind of database, those that some test has needed."""
    return {}


@pytest.fixture
def past(
    store: str,
    databases: Databases,
    pasts: dict[str, Past],
    redis_server: EmbeddedRedis,
    tmp_path_factory: pytest.TempPathFactory,
) -> Past:
    """Versions 1 (genesis), 2 and 3 (rounds), 4 (catalogue), 5 (round)."""
    if store not in pasts:
        folder, clock = tmp_path_factory.mktemp(f"past-{store}"), FakeClock()
        url = databases.copy(databases.migrated, folder / "twofold.db")
        settings = small_rounds(small_settings(folder / "data", url))
        run_apart(live_through(settings, redis_server.url, clock))
        pasts[store] = Past(url, settings.data_dir, clock.now)
    return pasts[store]


async def live_through(settings: Settings, redis_url: str, clock: FakeClock) -> None:
    """Three rounds, and a change of the catalogue before the last."""
    async with (
        running(settings, redis_url, clock) as (app, state),
        clients_of(app, state) as connect,
    ):
        world = RoundWorld(state, clock, connect(bootstrap_keys(settings)["server"]), connect)
        await world.begin()
        await publish_rounds(world, 2)
        await put_items(world.server, 3, first=12)
        await world.tick()
        await world.tick(after_s=1.0)
        await publish_rounds(world, 1)


@pytest.fixture
def database_url(past: Past, databases: Databases, tmp_path: Path) -> Iterator[str]:
    url = databases.copy(past.database_url, tmp_path / "twofold.db")
    yield url
    databases.drop(url)


@pytest.fixture
def settings(past: Past, settings: Settings) -> Settings:
    shutil.copytree(past.data_dir, settings.data_dir)
    return small_rounds(settings)


@pytest.fixture
def clock(past: Past) -> FakeClock:
    return FakeClock(past.now)


@pytest.fixture
def world(
    state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
) -> RoundWorld:
    """The service after its past, with a coordinator that has forgotten it."""
    return RoundWorld(state, clock, client, connect)
