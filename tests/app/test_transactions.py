"""Named transactions: all or nothing, run again on a conflict, honest when that does not help."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.database import Database
from app.store.tables import catalogue, enrolment_codes, users

ANN = {"id": "ann", "mode": "device", "state_revision": 1, "created_at": 0.0, "updated_at": 0.0}
CODE = {"hash": b"h", "user_id": "ann", "expires_at": 1.0, "replaces": False}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database of each kind."""
    database = Database(database_url)
    yield database
    await database.close()


async def n_users(database: Database) -> int:
    """How many users are committed."""
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(users))).scalar_one())


async def test_an_exception_leaves_nothing(database: Database) -> None:
    async def run(connection: AsyncConnection) -> None:
        await connection.execute(insert(users).values(ANN))
        raise LookupError

    with pytest.raises(LookupError):
        await database.transaction("fails", run)
    assert await n_users(database) == 0


async def test_a_read_changes_nothing(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(insert(users).values(ANN))
    assert await n_users(database) == 0


async def test_a_lost_parent_runs_the_transaction_again(database: Database) -> None:
    attempts = 0

    async def run(connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            await connection.execute(insert(users).values(ANN))
        await connection.execute(insert(enrolment_codes).values(CODE))

    if database.is_sqlite:  # it has one writer at a time: nothing goes meanwhile
        with pytest.raises(IntegrityError):
            await database.transaction("refers", run)
        return
    await database.transaction("refers", run)
    assert (attempts, await n_users(database)) == (2, 1)


async def test_a_parent_that_never_was_is_a_mistake(database: Database) -> None:
    async def run(connection: AsyncConnection) -> None:
        await connection.execute(insert(enrolment_codes).values(CODE))

    with pytest.raises(IntegrityError):
        await database.transaction("refers", run)


async def test_counting_together_loses_nothing(database: Database) -> None:
    async def begin(connection: AsyncConnection) -> None:
        head = {"id": 1, "row_key": b"k", "next_sequence": 0, "revision": 0}
        await connection.execute(insert(catalogue).values(head))

    async def count(connection: AsyncConnection) -> None:
        query = select(catalogue.c.revision).with_for_update()
        revision = (await connection.execute(query)).scalar_one()
        await asyncio.sleep(0)
        await connection.execute(update(catalogue).values(revision=revision + 1))

    await database.transaction("begin", begin)
    await asyncio.gather(*(database.transaction("count", count) for _ in range(20)))
    async with database.read() as connection:
        assert (await connection.execute(select(catalogue.c.revision))).scalar_one() == 20


async def test_a_deadlock_is_resolved(database: Database) -> None:
    async def begin(connection: AsyncConnection) -> None:
        for user_id in ("ann", "bob"):
            await connection.execute(insert(users).values({**ANN, "id": user_id}))

    def touch_in_order(*order: str) -> object:
        async def run(connection: AsyncConnection) -> None:
            for user_id in order:
                change = update(users).where(users.c.id == user_id)
                await connection.execute(change.values(updated_at=users.c.updated_at + 1))
                await asyncio.sleep(0.02)

        return run

    await database.transaction("begin", begin)
    await asyncio.gather(
        database.transaction("forth", touch_in_order("ann", "bob")),  # type: ignore[arg-type]
        database.transaction("back", touch_in_order("bob", "ann")),  # type: ignore[arg-type]
    )
    async with database.read() as connection:
        found = (await connection.execute(select(users.c.updated_at))).scalars()
        assert list(found) == [2.0, 2.0]
