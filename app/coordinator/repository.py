"""Queries of the coordinator: catalogue, versions, rounds and the members of a round."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import assignments, catalogue, items, plans, rounds, updates, versions
from app.store.upsert import conflict_insert
from federation.plan import Plan
from federation.round_state import ENDED, RoundState


@dataclass(frozen=True)
class CatalogueHead:
    """row_key: what permutes row numbers; revision: moves with every change of an item."""

    row_key: bytes
    revision: int


@dataclass(frozen=True)
class ItemRow:
    """An item as the model sees it."""

    row: int
    id: str
    content: dict[str, Any]
    is_live: bool


@dataclass(frozen=True)
class VersionRow:
    """A published version with all that the next one is made from."""

    id: int
    manifest: bytes
    manifest_digest: str
    model_digest: str
    chain: str


@dataclass(frozen=True)
class Member:
    """An accepted update: whose it is, and which blob holds it."""

    assignment_id: str
    user_id: str
    body_digest: str


@dataclass(frozen=True)
class EndedRound:
    """The newest round, if it has ended."""

    id: int
    ended_at: float


async def pin_snapshot(connection: AsyncConnection) -> None:
    """Let every query that follows see one moment. SQLite's transactions do so by themselves."""
    if connection.dialect.name != "sqlite":
        await connection.execution_options(isolation_level="REPEATABLE READ")


@dataclass(frozen=True)
class Heads:
    """What every tick looks at: the newest version's number, and the catalogue's head."""

    version: int | None
    catalogue: CatalogueHead | None


async def heads(connection: AsyncConnection) -> Heads:
    """One statement, since an idle coordinator asks it many times a second."""
    version = select(func.max(versions.c.id)).scalar_subquery()
    columns = (catalogue.c.row_key, catalogue.c.revision)
    row = (await connection.execute(select(version, *columns))).first()
    if row is None:  # no item was ever put, so there is no version either
        return Heads(None, None)
    return Heads(row[0], CatalogueHead(bytes(row[1]), row[2]))


async def catalogue_head(connection: AsyncConnection) -> CatalogueHead | None:
    """The catalogue's head; None before the first item."""
    row = (await connection.execute(select(catalogue.c.row_key, catalogue.c.revision))).first()
    return CatalogueHead(bytes(row[0]), row[1]) if row else None


async def items_since(connection: AsyncConnection, revision: int) -> list[ItemRow]:
    """Items changed after a revision of the catalogue (all items after 0), tombstones included."""
    live = items.c.deleted_at.is_(None)
    query = select(items.c.row, items.c.id, items.c.content, live)
    rows = await connection.execute(query.where(items.c.revision > revision).order_by(items.c.row))
    return [ItemRow(row[0], row[1], row[2], bool(row[3])) for row in rows]


async def live_rows(connection: AsyncConnection) -> tuple[tuple[int, str], ...]:
    """(row, id) of every live item, by row."""
    query = select(items.c.row, items.c.id).where(items.c.deleted_at.is_(None))
    rows = await connection.execute(query.order_by(items.c.row))
    return tuple((row, item_id) for row, item_id in rows)


async def newest_version(connection: AsyncConnection) -> VersionRow | None:
    """The newest published version."""
    newest = select(func.max(versions.c.id)).scalar_subquery()
    return await _one_version(connection, versions.c.id == newest)


async def find_version(connection: AsyncConnection, version: int) -> VersionRow | None:
    """The published version with this number."""
    return await _one_version(connection, versions.c.id == version)


async def _one_version(
    connection: AsyncConnection, where: ColumnElement[bool]
) -> VersionRow | None:
    columns = (
        versions.c.id,
        versions.c.manifest,
        versions.c.manifest_digest,
        versions.c.model_digest,
        versions.c.chain,
    )
    row = (await connection.execute(select(*columns).where(where))).first()
    return VersionRow(row[0], bytes(row[1]), row[2], row[3], row[4]) if row else None


async def newest_version_id(connection: AsyncConnection) -> int | None:
    """Number of the newest published version."""
    newest: int | None = (await connection.execute(select(func.max(versions.c.id)))).scalar_one()
    return newest


async def add_version(connection: AsyncConnection, values: dict[str, Any]) -> None:
    """Store a version."""
    await connection.execute(insert(versions).values(values))


async def add_round(connection: AsyncConnection, state: RoundState, plan: Plan, now: float) -> None:
    """Store an opened round, and its plan unless an earlier round had the same."""
    plan_values = {"digest": plan.digest, "body": plan.to_json(), "created_at": now}
    stored = conflict_insert(connection, plans).values(plan_values).on_conflict_do_nothing()
    await connection.execute(stored)
    values = {
        "id": state.round_id,
        "phase": state.phase,
        "plan_digest": plan.digest,
        "model_version": plan.model_version,
        "state": state.to_mapping(),
        "revision": 0,
        "opened_at": now,
    }
    await connection.execute(insert(rounds).values(values))


async def last_ended(connection: AsyncConnection) -> EndedRound | None:
    """The newest round with the second it ended; None when it is open, or there is none."""
    columns = (rounds.c.id, rounds.c.ended_at, rounds.c.phase)
    row = (await connection.execute(select(*columns).order_by(rounds.c.id.desc()).limit(1))).first()
    return EndedRound(row[0], row[1]) if row and row[2] in ENDED else None


async def members(connection: AsyncConnection, round_id: int) -> list[Member]:
    """The accepted updates of a round, in the order of their assignments."""
    query = (
        select(assignments.c.id, assignments.c.user_id, updates.c.body_digest)
        .join(updates, updates.c.assignment_id == assignments.c.id)
        .where(updates.c.round_id == round_id)
        .order_by(assignments.c.id)
    )
    return [Member(*row) for row in await connection.execute(query)]


async def assignments_of_open_rounds(connection: AsyncConnection) -> set[str]:
    """Ids of assignments whose round has not ended: their blobs are still wanted."""
    query = (
        select(assignments.c.id)
        .join(rounds, rounds.c.id == assignments.c.round_id)
        .where(rounds.c.phase.not_in(sorted(ENDED)))
    )
    return set((await connection.execute(query)).scalars())


async def open_plans(connection: AsyncConnection) -> list[tuple[int, bytes]]:
    """(round, plan body) of every round that has not ended."""
    query = select(rounds.c.id, plans.c.body).join(plans, plans.c.digest == rounds.c.plan_digest)
    rows = await connection.execute(query.where(rounds.c.phase.not_in(sorted(ENDED))))
    return [(row[0], bytes(row[1])) for row in rows]


async def newest_manifests(connection: AsyncConnection, n: int) -> list[tuple[bytes, str]]:
    """(manifest, model digest) of the n newest versions, newest first."""
    query = select(versions.c.manifest, versions.c.model_digest)
    rows = await connection.execute(query.order_by(versions.c.id.desc()).limit(n))
    return [(bytes(row[0]), row[1]) for row in rows]
