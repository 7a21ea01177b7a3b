"""Forgeries for the audit to find: one byte changed, one thing removed, a chain written anew."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Column, Table, delete, insert, select, update

from app.store.database import Database
from app.store.tables import plans, rounds, updates, versions
from federation.audit import AuditRecord
from federation.canonical import canonical_json
from tests.app.round_world import RoundWorld


@dataclass(frozen=True)
class Books:
    """Where everything lies that the audit reads. version: the one that is forged."""

    world: RoundWorld
    version: int

    @property
    def database(self) -> Database:
        return self.world.state["database"]

    async def row(self) -> Any:
        """The row of the version."""
        query = select(versions).where(versions.c.id == self.version)
        async with self.database.read() as connection:
            return (await connection.execute(query)).one()

    async def write(self, table: Table, where: Any, **values: Any) -> None:
        """Change rows, as somebody with the database's password would."""

        async def run(connection: Any) -> None:
            await connection.execute(update(table).where(where).values(**values))

        await self.database.transaction("forge", run)

    async def value(self, column: Column[Any], where: Any) -> Any:
        """One value of a column."""
        async with self.database.read() as connection:
            return (await connection.execute(select(column).where(where))).scalars().first()


def one_byte(body: bytes, dice: random.Random) -> bytes:
    """The same with one byte changed."""
    at = dice.randrange(len(body))
    return body[:at] + bytes([body[at] ^ dice.randrange(1, 256)]) + body[at + 1 :]


def one_digit(text: str, dice: random.Random) -> str:
    """A digest with one of its digits changed."""
    at = dice.randrange(len("sha256:"), len(text))
    other = dice.choice([digit for digit in "0123456789abcdef" if digit != text[at]])
    return text[:at] + other + text[at + 1 :]


async def swap_members(books: Books, dice: random.Random) -> Callable[[], Any]:
    """Two members change places in the record; returns what undoes it."""
    row = await books.row()
    record = AuditRecord.from_json(row.record).to_mapping()
    one, other = dice.sample(range(len(record["members"])), 2)
    members = record["members"]
    members[one], members[other] = members[other], members[one]
    return await _written(books, "record", canonical_json(record))


async def change_column(books: Books, name: str, dice: random.Random) -> Callable[[], Any]:
    """One byte of a column of the version's row; returns what undoes it."""
    value = getattr(await books.row(), name)
    is_text = isinstance(value, str)
    return await _written(books, name, one_digit(value, dice) if is_text else one_byte(value, dice))


async def _written(books: Books, name: str, value: Any) -> Callable[[], Any]:
    at, before = versions.c.id == books.version, getattr(await books.row(), name)
    await books.write(versions, at, **{name: value})
    return lambda: books.write(versions, at, **{name: before})


async def change_plan(books: Books, dice: random.Random) -> Callable[[], Any]:
    """One byte of the stored plan of the version's round."""
    number = (await books.row()).round_id
    name = await books.value(rounds.c.plan_digest, rounds.c.id == number)
    body = await books.value(plans.c.body, plans.c.digest == name)
    await books.write(plans, plans.c.digest == name, body=one_byte(bytes(body), dice))
    return lambda: books.write(plans, plans.c.digest == name, body=bytes(body))


async def change_update(
    books: Books, dice: random.Random, name: str = "body_digest"
) -> Callable[[], Any]:
    """One digit of a digest of an update that was counted: of its body, or of its envelope."""
    mine = updates.c.round_id == (await books.row()).round_id
    assignment = await books.value(updates.c.assignment_id, mine)
    at = updates.c.assignment_id == assignment
    before = await books.value(updates.c[name], at)
    await books.write(updates, at, **{name: one_digit(before, dice)})
    return lambda: books.write(updates, at, **{name: before})


async def drop_update(books: Books, dice: random.Random) -> Callable[[], Any]:
    """The row of an update that the version counted is gone."""
    mine = updates.c.round_id == (await books.row()).round_id
    async with books.database.read() as connection:
        rows = (await connection.execute(select(updates).where(mine))).mappings().all()
    gone = dict(dice.choice(rows))

    async def take(connection: Any) -> None:
        at = updates.c.assignment_id == gone["assignment_id"]
        await connection.execute(delete(updates).where(at))

    async def put_back(connection: Any) -> None:
        await connection.execute(insert(updates).values(gone))

    await books.database.transaction("forge", take)
    return lambda: books.database.transaction("forge", put_back)


async def change_blob(
    books: Books, folder: str, name: str, dice: random.Random
) -> Callable[[], Any]:
    """One byte of a blob."""
    blobs = books.world.state["blobs"]
    body = blobs.get(folder, name)
    assert body is not None
    blobs.put(folder, name, one_byte(body, dice))

    async def put_back() -> None:
        blobs.put(folder, name, body)

    return put_back


async def rewrite_chain(books: Books, **changes: Any) -> None:
    """Change the version's record, and write every later one anew so that the chain holds."""
    async with books.database.read() as connection:
        query = select(versions.c.id, versions.c.record).order_by(versions.c.id)
        rows = list(await connection.execute(query.where(versions.c.id >= books.version)))
    parent_chain: str | None = None
    for number, body in rows:
        record = AuditRecord.from_json(bytes(body))
        record = replace(record, **(changes if number == books.version else {}))
        if parent_chain is not None:
            record = replace(record, parent_chain=parent_chain)
        parent_chain = record.chain
        at = versions.c.id == number
        await books.write(versions, at, record=record.to_json(), chain=record.chain)
