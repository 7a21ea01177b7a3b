"""SQLite: brief statements run on the event loop, what may wait on a thread, all in their order."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.database import Database
from app.store.sqlite_at_once import BRIEF_ROWS


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database of one table."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'some.db'}")

    async def run(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE numbers (n INTEGER)"))

    await database.transaction("create", run)
    yield database
    await database.close()


@asynccontextmanager
async def watched(connection: AsyncConnection) -> AsyncIterator[list[tuple[str, bool]]]:
    """First words of statements as they run, each with whether it ran on this thread."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    here, seen = threading.get_ident(), list[tuple[str, bool]]()
    driver._connection.set_trace_callback(
        lambda statement: seen.append((statement.split()[0], threading.get_ident() == here))
    )
    yield seen
    driver._connection.set_trace_callback(None)


async def insert(connection: AsyncConnection, n: int) -> None:
    rows = [{"n": i} for i in range(n)]
    await connection.execute(text("INSERT INTO numbers VALUES (:n)"), rows)


async def total(connection: AsyncConnection) -> int:
    found = await connection.execute(text("SELECT count(*) FROM numbers"))
    return int(found.scalar_one())


async def test_only_what_may_wait_leaves_the_loop(database: Database) -> None:
    async def run(connection: AsyncConnection) -> list[tuple[str, bool]]:
        async with watched(connection) as seen:
            await insert(connection, 2)
            assert await total(connection) == 2
            await insert(connection, BRIEF_ROWS + 1)
        return seen

    seen = await database.transaction("mixed", run)
    assert seen[:3] == [("INSERT", True), ("INSERT", True), ("SELECT", True)]
    assert set(seen[3:]) == {("INSERT", False)}


async def test_a_query_that_takes_long_leaves_the_loop(database: Database) -> None:
    async with database.read(takes_long=True) as connection, watched(connection) as seen:
        await total(connection)
    async with database.read() as connection, watched(connection) as after:
        await total(connection)
    assert seen[-1] == ("SELECT", False)
    assert after[-1] == ("SELECT", True)


async def test_a_writer_that_waits_holds_nobody_up(database: Database) -> None:
    """The loop goes on reading, and commits for the writer that is waited for."""
    first_is_in, may_end = asyncio.Event(), asyncio.Event()

    async def first(connection: AsyncConnection) -> None:
        await insert(connection, 1)
        first_is_in.set()
        await may_end.wait()

    async def second(connection: AsyncConnection) -> int:
        return await total(connection)

    one = asyncio.create_task(database.transaction("first", first))
    await first_is_in.wait()
    two = asyncio.create_task(database.transaction("second", second))
    for _ in range(20):
        async with database.read() as connection:
            assert await total(connection) == 0
        await asyncio.sleep(0)
    assert not two.done()
    may_end.set()
    await one
    assert await two == 1


async def test_a_transaction_that_is_given_up_leaves_nothing(database: Database) -> None:
    begun = asyncio.Event()

    async def run(connection: AsyncConnection) -> None:
        await insert(connection, 3)
        begun.set()
        await asyncio.Event().wait()

    given_up = asyncio.create_task(database.transaction("given_up", run))
    await begun.wait()
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await database.transaction("after", total) == 0
