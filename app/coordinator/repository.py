"""Queries of the coordinator: catalogue, versions, rounds and the members of a round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models.orders_repository import reachable
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
    origin: int
    manifest: bytes
    manifest_digest: str
    model_digest: str
    chain: str


@dataclass(frozen=True)
class Member:
    """An accepted update: whose it is, which blob holds it, and what it was made for.

    staleness: model steps that it is behind; plan_digest: of the round that granted its lease;
    signature_digest: of the envelope that its device signed, None for virtual ones.
    """

    assignment_id: str
    user_id: str
    body_digest: str
    staleness: int
    plan_digest: str
    signature_digest: str | None


@dataclass(frozen=True)
class EndedRound:
    """The newest round, if it has ended."""

    id: int
    ended_at: float


@dataclass(frozen=True)
class Heads:
    """What every tick looks at: the newest version's number, and the catalogue's head."""

    version: int | None
    catalogue: CatalogueHead | None


_HEADS = select(
    select(func.max(versions.c.id)).scalar_subquery(), catalogue.c.row_key, catalogue.c.revision
)


async def heads(connection: AsyncConnection) -> Heads:
    """One statement, since an idle coordinator asks it many times a second."""
    row = (await connection.execute(_HEADS)).first()
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
        versions.c.origin,
        versions.c.manifest,
        versions.c.manifest_digest,
        versions.c.model_digest,
        versions.c.chain,
    )
    row = (await connection.execute(select(*columns).where(where))).first()
    return VersionRow(row[0], row[1], bytes(row[2]), row[3], row[4], row[5]) if row else None


async def lock_newest_version(connection: AsyncConnection, version: int) -> bool:
    """Hold a version's row until the end of the transaction; whether it is the newest.

    Opening a round on a version and going back from it exclude each other by this.
    """
    query = select(versions.c.id).where(versions.c.id == version).with_for_update()
    await connection.execute(query)
    return await newest_version_id(connection) == version


async def newest_version_id(connection: AsyncConnection) -> int | None:
    """Number of the newest published version."""
    newest: int | None = (await connection.execute(select(func.max(versions.c.id)))).scalar_one()
    return newest


async def add_version(connection: AsyncConnection, values: dict[str, Any]) -> None:
    """Store a version."""
    await connection.execute(insert(versions).values(values))


async def add_round(
    connection: AsyncConnection, state: RoundState, plan: Plan, now: float, **extra: Any
) -> None:
    """Store a round, and its plan unless an earlier round had the same. extra: further columns."""
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
        "opened_at": state.opened_at,
        **extra,
    }
    await connection.execute(insert(rounds).values(values))


async def last_ended(connection: AsyncConnection) -> EndedRound | None:
    """The newest round with the second it ended; None when it is open, or there is none."""
    columns = (rounds.c.id, rounds.c.ended_at, rounds.c.phase)
    row = (await connection.execute(select(*columns).order_by(rounds.c.id.desc()).limit(1))).first()
    return EndedRound(row[0], row[1]) if row and row[2] in ENDED else None


async def members(
    connection: AsyncConnection, round_id: int, first: int = 0, last: int | None = None
) -> list[Member]:
    """The accepted updates of a round, in their order; those at first .. last - 1."""
    query = (
        select(
            assignments.c.id,
            assignments.c.user_id,
            updates.c.body_digest,
            updates.c.staleness,
            rounds.c.plan_digest,
            updates.c.signature_digest,
        )
        .join(updates, updates.c.assignment_id == assignments.c.id)
        .join(rounds, rounds.c.id == assignments.c.round_id)
        .where(updates.c.round_id == round_id, updates.c.position >= first)
        .order_by(updates.c.position)
    )
    if last is not None:
        query = query.where(updates.c.position < last)
    return [Member(*row) for row in await connection.execute(query)]


async def assignments_in_use(connection: AsyncConnection) -> set[str]:
    """Ids of assignments whose blobs are still wanted: their round has not ended, or may pass on.

    Between two buffered rounds the open leases count in one that has ended; the next takes them
    over when it opens, perhaps while their updates are on their way. One that waits to be opened is
    no next one yet.
    """
    opened = rounds.c.opened_at.is_not(None)
    newest = select(func.max(rounds.c.id)).where(opened).scalar_subquery()
    has_update = exists().where(updates.c.assignment_id == assignments.c.id)
    is_last = assignments.c.counts_in == newest
    may_pass_on = is_last & assignments.c.expired.is_(False) & ~has_update
    query = select(assignments.c.id).join(rounds, rounds.c.id == assignments.c.counts_in)
    query = query.where(rounds.c.phase.not_in(sorted(ENDED)) | may_pass_on)
    return set((await connection.execute(query)).scalars())


async def open_rounds(connection: AsyncConnection) -> list[int]:
    """Rounds that have not ended."""
    query = select(rounds.c.id).where(rounds.c.phase.not_in(sorted(ENDED)))
    return list((await connection.execute(query)).scalars())


async def wanted_plans(connection: AsyncConnection, now: float) -> list[bytes]:
    """Bodies of the plans that devices may still work for.

    Those are the plans of rounds that have not ended, of the leases that count in such a round, and
    of every lease that still runs: between two buffered rounds its own has ended, and the next one
    takes it over.
    """
    is_open = rounds.c.phase.not_in(sorted(ENDED))
    open_ids = select(rounds.c.id).where(is_open)
    has_update = exists().where(updates.c.assignment_id == assignments.c.id)
    runs = (assignments.c.expires_at > now) & assignments.c.expired.is_(False) & ~has_update
    granted = select(assignments.c.round_id).where(assignments.c.counts_in.in_(open_ids) | runs)
    named = select(rounds.c.plan_digest).where(is_open | rounds.c.id.in_(granted))
    query = select(plans.c.body).where(plans.c.digest.in_(named))
    return [bytes(body) for body in (await connection.execute(query)).scalars()]


async def published_models(connection: AsyncConnection, names: Sequence[str]) -> set[str]:
    """Those of these training states that are of published versions."""
    query = select(versions.c.model_digest).where(versions.c.model_digest.in_(names))
    return set((await connection.execute(query)).scalars())


async def manifests_in_use(connection: AsyncConnection, n: int) -> list[tuple[bytes, str]]:
    """(manifest, model digest) of the versions that may still be served, trained or gone back to.

    Those are the newest two, since another coordinator may still read the one before the newest,
    all that wait to be measured, and all that can be gone back to.
    """
    newest = select(versions.c.id).order_by(versions.c.id.desc()).limit(2)
    used = or_(
        versions.c.id.in_(newest),
        versions.c.id.in_(reachable(n)),
        versions.c.standing == "candidate",
    )
    query = select(versions.c.manifest, versions.c.model_digest).where(used)
    rows = await connection.execute(query.order_by(versions.c.id.desc()))
    return [(bytes(row[0]), row[1]) for row in rows]
