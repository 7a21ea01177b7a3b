"""A round's next state and the records of its effects, in the transaction that holds the round."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.rounds import jobs_repository
from app.rounds.repository import StoredRound, find_round, save_round
from app.wiring import State
from federation.round_effects import BeginGate, BeginReduce, Effect, Refuse
from federation.round_engine import step
from federation.round_events import Event
from federation.round_state import ENDED, RoundState


async def step_round(state: State, round_id: int, event: Event) -> RoundState:
    """Step a round by one event in a transaction of its own; a refused event changes nothing."""

    async def run(connection: AsyncConnection) -> RoundState:
        stored = await find_round(connection, round_id, lock=True)
        assert stored is not None, "rounds are never deleted"
        return await save_step(connection, stored, event, state["settings"].reduce_job_updates)

    return await state["database"].transaction(f"step_{type(event).__name__}", run)


async def save_step(
    connection: AsyncConnection, stored: StoredRound, event: Event, job_updates: int
) -> RoundState:
    """The same within a transaction that holds the round.

    job_updates: most updates of one part of the sum.
    """
    after, effects = step(stored.state, event)
    if after == stored.state or any(isinstance(effect, Refuse) for effect in effects):
        return stored.state
    await save_after(connection, stored, after, effects, event.now, job_updates)
    return after


async def save_after(
    connection: AsyncConnection,
    stored: StoredRound,
    after: RoundState,
    effects: Sequence[Effect],
    now: float,
    job_updates: int,
    **columns: Any,
) -> None:
    """Store a step that was taken: the state, and the jobs that it asks for.

    Raises: StaleRoundError when somebody else stepped the round since it was read.
    """
    await save_round(connection, stored, after, now, **columns)
    for effect in effects:
        if isinstance(effect, BeginReduce):
            await jobs_repository.add_jobs(
                connection, stored.id, "reduce", effect.count, job_updates
            )
        elif isinstance(effect, BeginGate):
            await jobs_repository.add_jobs(connection, stored.id, "gate", 1, 1)
    if after.phase in ENDED:
        await jobs_repository.delete_jobs(connection, stored.id)
