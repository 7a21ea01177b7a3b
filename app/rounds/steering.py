"""An operator's hand on a round: start, pause, resume, abandon.

What may happen is the engine's to say. A round that already stands as it is asked to is left alone,
so that a request whose answer got lost may be sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import not_found
from app.rounds.repository import StoredRound, find_round
from app.rounds.stepping import save_after
from app.rounds.update_body import problem_of
from app.rounds.views_repository import RoundRow, show_round
from app.wiring import State
from federation.round_effects import Refuse
from federation.round_engine import step
from federation.round_events import AbandonAsked, Event, Opened, Paused, Resumed
from federation.round_state import GATHERING, Phase

STARTED: frozenset[Phase] = GATHERING | {"reducing", "gating"}

log = structlog.get_logger()


@dataclass(frozen=True)
class Move:
    """What an operator may ask of a round.

    event: what the engine is told, made of the time and the operator's reason. reached: the phases
    in which the round stands as it is asked to.
    """

    name: str
    event: Callable[[float, str], Event]
    reached: frozenset[Phase]


START = Move("start", lambda now, _: Opened(now), STARTED)
PAUSE = Move("pause", lambda now, _: Paused(now), frozenset({"paused"}))
RESUME = Move("resume", lambda now, _: Resumed(now), STARTED | {"scheduled"})
ABANDON = Move("abandon", AbandonAsked, frozenset({"abandoned"}))
MOVES = (START, PAUSE, RESUME, ABANDON)


async def steer(state: State, round_id: int, move: Move, reason: str) -> RoundRow:
    """The round after the move. reason: a snake_case code.

    Raises: Problem 404; 409 with the engine's reason, and nothing has changed.
    """
    now, job_updates = state["clock"](), state["settings"].reduce_job_updates

    async def run(connection: AsyncConnection) -> tuple[RoundRow, bool]:
        stored = await find_round(connection, round_id, lock=True)
        if stored is None:
            raise not_found("round")
        moves = stored.state.phase not in move.reached
        if moves:
            held = reason if move is PAUSE else None
            await _save(connection, stored, move.event(now, reason), held, job_updates)
        shown = await show_round(connection, round_id)
        assert shown is not None, "rounds are never deleted"
        return shown, moves

    shown, moved = await state["database"].transaction(f"{move.name}_round", run)
    if moved:
        log.info("round_steered", round=round_id, move=move.name, reason=reason)
    return shown


async def _save(
    connection: AsyncConnection, stored: StoredRound, event: Event, held: str | None, updates: int
) -> None:
    after, effects = step(stored.state, event)
    for effect in effects:
        if isinstance(effect, Refuse):
            raise problem_of(effect.refusal)
    columns = {} if held is None else {"hold_reason": held}
    await save_after(connection, stored, after, effects, event.now, updates, **columns)
