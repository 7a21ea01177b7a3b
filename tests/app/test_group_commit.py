"""Asks that share a transaction: each is answered for itself, and nothing is lost between them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Problem
from app.store.database import Database
from app.store.group_commit import GROUP_MAX, GroupCommits
from app.store.tables import users


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database of each kind."""
    database = Database(database_url)
    yield database
    await database.close()


class Register:
    """Adds users; notes the groups that it was run with. refuses: whom it turns away."""

    def __init__(self, database: Database, refuses: frozenset[str] = frozenset()) -> None:
        self._groups, self._refuses = GroupCommits(database), refuses
        self.groups: list[list[str]] = []

    async def add(self, name: str) -> str:
        """One ask."""
        return await self._groups.submit("add_user", self._run, name)

    async def _run(self, connection: AsyncConnection, names: Sequence[str]) -> list[str | Problem]:
        self.groups.append(list(names))
        for name in names:
            if name == "breaks":
                raise LookupError(name)
            if name not in self._refuses:
                await connection.execute(insert(users).values(row(name)))
        refused = Problem(409, "unwanted", "No.")
        return [refused if name in self._refuses else f"hello {name}" for name in names]


def row(name: str) -> dict[str, object]:
    return {
        "id": name,
        "mode": "device",
        "state_revision": 1,
        "created_at": 0.0,
        "updated_at": 0.0,
    }


async def names_in(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(select(users.c.id).order_by(users.c.id))).scalars())


async def add_all(register: Register, *names: str) -> list[object]:
    return list(await asyncio.gather(*map(register.add, names), return_exceptions=True))


async def test_a_refusal_is_one_asks_own(database: Database) -> None:
    register = Register(database, refuses=frozenset({"b"}))
    a, b, c = await add_all(register, "a", "b", "c")
    assert (a, c) == ("hello a", "hello c")
    assert isinstance(b, Problem)
    assert b.reason == "unwanted"
    assert await names_in(database) == ["a", "c"]


async def test_a_row_that_cannot_be_fails_alone(database: Database) -> None:
    register = Register(database)
    await register.add("a")
    found = await add_all(register, "x", "a", "y")
    assert found[0] == "hello x"
    assert found[2] == "hello y"
    assert isinstance(found[1], IntegrityError)
    assert await names_in(database) == ["a", "x", "y"]


async def test_what_breaks_the_transaction_breaks_it_for_all_and_leaves_nothing(
    database: Database,
) -> None:
    register = Register(database)
    found = await add_all(register, "a", "breaks", "b")
    assert [type(error) for error in found] == [LookupError] * 3
    assert await names_in(database) == []
    assert await register.add("a") == "hello a"


async def test_one_that_gives_up_disturbs_nobody(database: Database) -> None:
    register = Register(database)
    asks = [asyncio.create_task(register.add(name)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    asks[1].cancel()
    assert await asyncio.gather(asks[0], asks[2]) == ["hello a", "hello c"]
    with pytest.raises(asyncio.CancelledError):
        await asks[1]


async def test_who_comes_while_one_commits_shares_the_next(database: Database) -> None:
    register = Register(database)
    n = 2 * GROUP_MAX
    found = await add_all(register, *(f"user-{i:03}" for i in range(n)))
    assert found == [f"hello user-{i:03}" for i in range(n)]
    assert [len(group) for group in register.groups] == [GROUP_MAX, GROUP_MAX]
    async with database.read() as connection:
        count = await connection.execute(select(func.count()).select_from(users))
        assert count.scalar_one() == n
