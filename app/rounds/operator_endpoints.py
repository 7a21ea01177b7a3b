"""`/v1/rounds/{id}/…` and `/v1/rounds/schedule`: an operator steers rounds."""

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.dependencies import OperationsServer
from app.clock import rfc3339
from app.rounds import schedule_repository, steering
from app.rounds.endpoints import RoundId
from app.rounds.operator_schemas import NoBody, ReasonBody, ScheduleBody, ScheduleView
from app.rounds.schedule_repository import Schedule
from app.rounds.schemas import RoundView
from app.rounds.steering import Move
from app.rounds.views import round_view
from app.wiring import State, StateOf

router = APIRouter(tags=["rounds"])


@router.get("/rounds/schedule", summary="Whether rounds open by themselves")
async def get_schedule(state: StateOf, who: OperationsServer) -> ScheduleView:
    """What an operator decided last, or else the service's settings."""
    async with state["database"].read() as connection:
        return _view(state, await schedule_repository.read_schedule(connection))


@router.put("/rounds/schedule", summary="Have rounds open by themselves, or not")
async def put_schedule(state: StateOf, who: OperationsServer, body: ScheduleBody) -> ScheduleView:
    """Overrides the settings from then on. The open round goes on, and orders are fulfilled."""
    now = state["clock"]()

    async def run(connection: AsyncConnection) -> Schedule:
        held = await schedule_repository.lock_schedule(connection)
        if held.automatic != body.automatic:
            await schedule_repository.set_automatic(connection, body.automatic, now)
        return await schedule_repository.read_schedule(connection)

    return _view(state, await state["database"].transaction("set_schedule", run))


def _view(state: State, schedule: Schedule) -> ScheduleView:
    decided_at = schedule.updated_at
    return ScheduleView(
        automatic=schedule.is_automatic(state["settings"].rounds.enabled),
        updated_at=None if decided_at is None else rfc3339(decided_at),
    )


@router.post("/rounds/{round_id}/start", summary="Start a scheduled round")
async def post_start(
    state: StateOf, who: OperationsServer, round_id: RoundId, body: NoBody | None = None
) -> RoundView:
    """Devices are invited from now on; its deadline counts from here."""
    return await _steer(state, round_id, steering.START, None)


@router.post("/rounds/{round_id}/pause", summary="Hold a round")
async def post_pause(
    state: StateOf, who: OperationsServer, round_id: RoundId, body: ReasonBody | None = None
) -> RoundView:
    """No new leases; updates of devices that have one are still accepted, so none is lost."""
    return await _steer(state, round_id, steering.PAUSE, body)


@router.post("/rounds/{round_id}/resume", summary="Let a round go on")
async def post_resume(
    state: StateOf, who: OperationsServer, round_id: RoundId, body: ReasonBody | None = None
) -> RoundView:
    """Its deadline moves by the time that it was held."""
    return await _steer(state, round_id, steering.RESUME, body)


@router.post("/rounds/{round_id}/abandon", summary="End a round without a version")
async def post_abandon(
    state: StateOf, who: OperationsServer, round_id: RoundId, body: ReasonBody | None = None
) -> RoundView:
    """Its updates are deleted and their receipts say `discarded`; it can be retried."""
    return await _steer(state, round_id, steering.ABANDON, body)


async def _steer(state: State, round_id: int, move: Move, body: ReasonBody | None) -> RoundView:
    reason = (body or ReasonBody()).reason
    return round_view(await steering.steer(state, round_id, move, reason))
