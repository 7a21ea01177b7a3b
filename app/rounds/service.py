"""Check-in: one lease per account and round, or a window in which to come back."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Problem, device_revoked
from app.rounds import leases_repository as leases
from app.rounds import repository, request_count
from app.rounds.granting import (
    Asking,
    Held,
    Invitation,
    Work,
    answer_of,
    grant,
    resting_among,
)
from app.rounds.known_content import catalogue_of, plan_of
from app.rounds.pace import retry_window
from app.rounds.repository import Participant
from app.wiring import State
from federation.round_effects import ComeBack, Effect, Grant, WaitReason


@dataclass(frozen=True)
class Waiting:
    """Come back within window_s = (after, before), seconds from now; reason: why not now."""

    window_s: tuple[float, float]
    reason: WaitReason


@dataclass(frozen=True)
class CheckIn:
    """Either work or a window; the version to rank with and its catalogue, if there are any."""

    work: Work | None
    wait: Waiting | None
    model_version: int | None
    catalogue: str | None


async def check_in(state: State, device_id: str) -> CheckIn:
    """Answer a device that asks for work; asking again gives the same answer.

    Only a new lease, or a presence that was noted long ago, costs a write.
    Raises: Problem 403 `device_revoked`, 409 `history_is_hosted`.
    """
    now = state["clock"]()
    async with state["database"].read() as connection:
        who = _admit(await repository.participant(connection, device_id))
        newest = who.newest_version
        catalogue = await catalogue_of(connection, *newest) if newest else None
        invited = await _invited(connection, who)
        answer: Effect | Held = ComeBack("no_round")
        if invited is not None:
            answer = await answer_of(connection, device_id, invited, now)
    asking = Asking(device_id, who, now, state["new_id"]())
    if isinstance(answer, Grant):
        answer = await grant(state, asking)
    elif asking.is_long_unseen:
        await _mark_seen(state, device_id, now)
    version = newest[0] if newest else None
    if isinstance(answer, ComeBack):
        newest_round = invited.stored.state if invited else None
        window_s = await retry_window(state, newest_round, answer.reason)
        waiting = Waiting(window_s, answer.reason)
        return CheckIn(None, waiting, version, catalogue)
    assert isinstance(answer, Held)
    if not answer.is_new:
        await request_count.add(state["cache"], device_id)
    return CheckIn(answer.work, None, version, catalogue)


def _admit(who: Participant | None) -> Participant:
    if who is None or who.revoked_at is not None:
        raise device_revoked()
    if (who.mode == "hosted") != who.is_virtual:
        detail = "The history of a hosted user is on the server, which takes part for its devices."
        raise Problem(409, "history_is_hosted", detail)
    return who


async def _invited(connection: AsyncConnection, who: Participant) -> Invitation | None:
    stored = await repository.newest_round(connection)
    if stored is None:
        return None
    plan = await plan_of(connection, stored.plan_digest)
    lease = await leases.account_lease(connection, stored.id, who.user_id)
    rests = await resting_among(connection, {who.user_id}, plan, stored.id)
    return Invitation(stored, plan, lease, bool(rests))


async def _mark_seen(state: State, device_id: str, now: float) -> None:
    async def run(connection: AsyncConnection) -> None:
        await repository.mark_seen(connection, [device_id], now)

    await state["database"].transaction("mark_seen", run)
