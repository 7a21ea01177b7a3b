"""Engines, and named transactions that are retried whole."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import Problem
from app.store.sqlite_at_once import BEGIN_WRITING, on_thread, work_at_once

T = TypeVar("T")

ATTEMPTS_MAX = 8
SERIALISATION_STATES = {"40001", "40P01", "55P03"}
FOREIGN_KEY_VIOLATION = "23503"

CONNECT_S = 5.0
# A peer that fell silent (its machine died, its network was cut) is given up after PEER_SILENT_S on
# both sides: by us, or a query would wait for a quarter of an hour, the kernel's default; by
# Postgres, or a transaction that nobody will end would hold its locks as long.
PEER_SILENT_S = 4
KEEPALIVE_PROBES = 3
SERVER_SIDE = {
    "tcp_user_timeout": str(1000 * PEER_SILENT_S),
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": str(KEEPALIVE_PROBES),
    # A process that is frozen within a transaction is as good as gone; none of ours waits in one.
    "idle_in_transaction_session_timeout": "10s",
}


class Database:
    """One engine; `read()` for queries, `transaction()` for writes.

    A transaction's function must be re-runnable: it is called again, on a fresh snapshot, when
    the database reports a conflict. SQLite takes its single write lock at once
    (`BEGIN IMMEDIATE`), because upgrading a read lock later can only fail.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.engine: AsyncEngine = create_async_engine(
            url, hide_parameters=True, **_pool_options(self.is_sqlite)
        )
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        else:
            _bound_silence(self.engine)

    @asynccontextmanager
    async def read(self, takes_long: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection for queries, which all see one moment; what it changes is rolled back.

        takes_long: a query goes through a whole table; it must not hold up the event loop.
        """
        async with self.engine.connect() as connection:
            if not self.is_sqlite:
                # A lease of one moment and a round of the next would refuse what neither refuses.
                await connection.execution_options(isolation_level="REPEATABLE READ")
            elif takes_long:
                with on_thread((await connection.get_raw_connection()).driver_connection):
                    yield connection
                return
            yield connection

    async def transaction(self, name: str, run: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `run` in one transaction and commit; retry conflicts with growing, random pauses.

        Raises: Problem 503 `store_busy` after ATTEMPTS_MAX conflicts.
        """
        for attempt in range(ATTEMPTS_MAX):
            try:
                async with self.engine.connect() as connection:
                    await connection.execution_options(write=True)
                    async with connection.begin():
                        return await run(connection)
            except DBAPIError as error:
                if not _is_conflict(error) and (attempt or not _row_went(error)):
                    raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
        detail = f"The store is busy ({name}); try again."
        raise Problem(503, "store_busy", detail, headers={"Retry-After": "1"})

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _pool_options(is_sqlite: bool) -> dict[str, Any]:
    if is_sqlite:
        return {"connect_args": {"timeout": 10}}
    arguments = {"timeout": CONNECT_S, "server_settings": SERVER_SIDE}
    pool = {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True, "pool_timeout": 5}
    return {**pool, "connect_args": arguments}


def _is_conflict(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in SERIALISATION_STATES or "database is locked" in str(error.orig)


def _row_went(error: DBAPIError) -> bool:
    # A row that the transaction had read was deleted before it referred to it. Run again, it finds
    # the row missing and says so; a second violation is a mistake of ours.
    return getattr(error.orig, "sqlstate", None) == FOREIGN_KEY_VIOLATION


def _bound_silence(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _: Any) -> None:
        # asyncpg has no option for its socket.
        transport = connection.driver_connection._transport
        peer = transport.get_extra_info("socket")
        if peer is None or peer.family == socket.AF_UNIX or not hasattr(socket, "TCP_USER_TIMEOUT"):
            return
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            (socket.TCP_USER_TIMEOUT, 1000 * PEER_SILENT_S),
            (socket.TCP_KEEPIDLE, 1),
            (socket.TCP_KEEPINTVL, 1),
            (socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
        ):
            peer.setsockopt(socket.IPPROTO_TCP, option, value)


def _prepare_sqlite(engine: AsyncEngine) -> None:
    work_at_once(engine.sync_engine)

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _: Any) -> None:
        # The driver must not begin transactions behind our back (SQLAlchemy's own recipe).
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Any) -> None:
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql(BEGIN_WRITING if write else "BEGIN")
