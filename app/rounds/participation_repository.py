"""The ledger of participations: how often an account was counted, and when last.

It moves in the transaction that publishes a version and nowhere else, so it never says more, or
less, than the versions that stand.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables import assignments, participations, updates
from app.store.upsert import conflict_insert
from federation.plan import Plan


@dataclass(frozen=True)
class Participations:
    """counted: published rounds that an account is in; last_round: the newest of them."""

    counted: int
    last_round: int

    def rests(self, plan: Plan, round_id: int) -> bool:
        """Whether the account may not be asked in round `round_id` of this plan."""
        if 0 < plan.participations_max <= self.counted:
            return True
        return round_id - self.last_round <= plan.min_separation


async def participations_among(
    connection: AsyncConnection, user_ids: Collection[str]
) -> dict[str, Participations]:
    """The ledgers of these accounts; one that was never counted has none."""
    columns = (participations.c.user_id, participations.c.counted, participations.c.last_round)
    query = select(*columns).where(participations.c.user_id.in_(user_ids))
    return {row[0]: Participations(*row[1:]) for row in await connection.execute(query)}


async def count_members(connection: AsyncConnection, round_id: int) -> None:
    """Count every account whose update is in the round's sum once more."""
    members = (
        select(assignments.c.user_id, literal(1), literal(round_id))
        .join(updates, updates.c.assignment_id == assignments.c.id)
        .where(updates.c.round_id == round_id)
    )
    names = ["user_id", "counted", "last_round"]
    counting = conflict_insert(connection, participations).from_select(names, members)
    again = counting.on_conflict_do_update(
        index_elements=["user_id"],
        set_={"counted": participations.c.counted + 1, "last_round": round_id},
    )
    await connection.execute(again)
