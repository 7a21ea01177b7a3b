"""`POST /v1/events`."""

from fastapi import APIRouter, Response

from app.access.dependencies import EventsPerson
from app.events import service
from app.events.schemas import Events, EventsReceipt
from app.wiring import StateOf

router = APIRouter(tags=["events"])


@router.post(
    "/events",
    status_code=201,
    summary="Store one event or many",
    responses={200: {"model": EventsReceipt, "description": "All of them were known before."}},
)
async def post_events(
    state: StateOf, who: EventsPerson, body: Events, response: Response
) -> EventsReceipt:
    """All or nothing, for users in mode `hosted`; a user token stores its own user's only."""
    receipt = await service.post_events(state, who, body)
    if receipt.accepted == 0:
        response.status_code = 200
    return receipt
