"""The service under rehearsal: the real application over real embedded stores, in virtual time."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import uvicorn
from fastapi import FastAPI

from app.clock import Clock
from app.coordinator.tick import Coordinator
from app.main import create_app
from app.rounds.repository import StoredRound, newest_round
from app.settings import EVENT_TYPES, LimitSettings, RoundSettings, Settings
from app.wiring import State, build_state
from evaluation.drill.inline_sqlite import run_inline
from evaluation.drill.records_repository import stored_records
from evaluation.drill.transport import AsgiTransport, TcpTransport, Transport, tcp_client
from federation.audit_chain import StoredRecord
from recsys.datasets.sample_shop.catalogue import ITEMS_PER_SHELF_MIN, SHELVES

# The keys of a service that nobody but the drill can reach.
SECRET = "drill: a secret of thirty-two bytes or more"
SERVER_KEY = "tf_server_" + "d" * 43
PUBLISHABLE_KEY = "tf_pub_" + "d" * 43
TICK_S = 0.1
# A busy machine must not look like a dead cache: virtual time has no use for short time-outs.
PATIENCE_S = 60.0
NEVER_S = 30 * 86_400.0


@dataclass
class VirtualClock:
    """Unix seconds that move when the drill moves them."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Model:
    """The size of the rehearsed model. ValueError by field."""

    dim: int = 8
    history_length: int = 20
    items: int = 260

    def __post_init__(self) -> None:
        least = {"dim": 2, "history_length": 1, "items": ITEMS_PER_SHELF_MIN * len(SHELVES)}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name}: must be at least {bound}")


def drill_settings(folder: Path, model: Model, rounds: RoundSettings) -> Settings:
    """Settings of a service in `folder`; stores and keys are never those of the environment."""
    return Settings(
        data_dir=folder,
        database_url="",
        redis_url="",
        secret=SECRET,
        server_key=SERVER_KEY,
        publishable_key=PUBLISHABLE_KEY,
        event_types=EVENT_TYPES,
        dim=model.dim,
        history_length=model.history_length,
        cache_timeout_s=PATIENCE_S,
        database_timeout_s=PATIENCE_S,
        # Nobody ranks here: the worker need not follow the versions.
        tick_s=NEVER_S,
        rounds=rounds,
        # Liars are to meet the protocol itself.
        limits=LimitSettings.none(),
    )


class SeededIds:
    """The service's identifiers, drawn from a seed in the order in which they are asked for."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._prefix, self._count = f"{seed}/{purpose}/", 0

    def __call__(self) -> str:
        self._count += 1
        return hashlib.sha256(f"{self._prefix}{self._count}".encode()).hexdigest()[:32]


Serve = Callable[[Settings, str, Clock, Callable[[], str]], AbstractAsyncContextManager[Transport]]
"""(settings, Redis URL, clock, source of identifiers) -> a running service, as a transport."""


@asynccontextmanager
async def in_process(
    settings: Settings, redis_url: str, clock: Clock, new_id: Callable[[], str]
) -> AsyncIterator[Transport]:
    """The application on this loop, without a socket."""
    app = _seeded_app(settings, redis_url, clock, new_id)
    async with app.router.lifespan_context(app) as yielded:
        state = cast(State, yielded)
        await run_inline(state["database"])
        yield AsgiTransport(app, state)


@asynccontextmanager
async def over_tcp(
    settings: Settings, redis_url: str, clock: Clock, new_id: Callable[[], str]
) -> AsyncIterator[Transport]:
    """The application behind a real server, in a thread with a loop of its own."""
    app = _seeded_app(settings, redis_url, clock, new_id)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the server ended before it was ready")
                await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with tcp_client(url) as client:
                yield TcpTransport(client)
        finally:
            server.should_exit = True
            await asyncio.to_thread(thread.join)


def _seeded_app(
    settings: Settings, redis_url: str, clock: Clock, new_id: Callable[[], str]
) -> FastAPI:
    app = create_app(settings, redis_url, clock)
    whole = app.router.lifespan_context

    @asynccontextmanager
    async def seeded(app: FastAPI) -> AsyncIterator[State]:
        async with whole(app) as yielded:
            state = cast(State, yielded)
            state["new_id"] = new_id
            yield state

    app.router.lifespan_context = seeded
    return app


class DrilledCoordinator:
    """A real coordinator with stores of its own, ticked when the drill says so."""

    def __init__(self, settings: Settings, redis_url: str, clock: Clock, seed: int) -> None:
        self._state = build_state(settings, redis_url, clock)
        self._coordinator = Coordinator(self._state, np.random.default_rng(seed))

    async def open(self) -> None:
        """Before the first tick."""
        await run_inline(self._state["database"])

    async def newest_round(self) -> StoredRound | None:
        """The newest round as it is stored."""
        async with self._state["database"].read() as connection:
            return await newest_round(connection)

    async def tick(self) -> StoredRound | None:
        """Do what is due; the newest round afterwards."""
        await self._coordinator.tick()
        return await self.newest_round()

    async def records(self) -> list[StoredRecord]:
        """The audit record of every version, oldest first."""
        async with self._state["database"].read() as connection:
            return await stored_records(connection)

    async def close(self) -> None:
        """Close its stores."""
        await self._state["cache"].close()
        await self._state["database"].close()
