"""`/v1/rounds` and `/v1/updates`: the protocol of devices, and rounds for operators."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from app.access.dependencies import Caller, DeviceCaller, DeviceToken, OperationsServer
from app.clock import rfc3339
from app.devices.service import mint_token
from app.errors import Problem, not_found
from app.identifiers import NUMBER_MAX, PathId
from app.pagination import LIMIT_DEFAULT, Cursor, Limit, encode_cursor, number_of
from app.rounds import offers, request_count, service, uploads, views_repository
from app.rounds.schemas import CheckInAnswer, CheckInBody, ReceiptView, RoundList, RoundView
from app.rounds.service import CheckIn
from app.rounds.update_body import check_length, declared_digest, pieces_of
from app.rounds.upload_signature import HEADER, check_signature
from app.rounds.views import round_view
from app.settings import UPDATE_BYTES_MAX
from app.wiring import State, StateOf

router = APIRouter(tags=["rounds"])
RoundId = Annotated[int, Path(ge=1, le=NUMBER_MAX)]

UPLOAD_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    "parameters": [
        {
            "name": "Content-Digest",
            "in": "header",
            "required": True,
            "description": "RFC 9530: sha-256=:<base64 of the body's SHA-256>:",
            "schema": {"type": "string"},
        },
        {
            "name": HEADER,
            "in": "header",
            "required": True,
            "description": "Compact ES256 JWS by the device's key; see docs/protocol.md",
            "schema": {"type": "string"},
        },
    ],
}


@router.post("/rounds/check-in", summary="Ask for work", response_model=CheckInAnswer)
async def post_check_in(state: StateOf, who: DeviceToken, body: CheckInBody) -> JSONResponse:
    """An assignment, or a window in which to come back; the same answer while it holds."""
    found = await service.check_in(state, who.subject)
    granted = found.work is not None
    step = "check_in_granted" if granted else "check_in_wait"
    state["metrics"].protocol.labels(step, "ok").inc()
    return JSONResponse(_check_in_answer(state, found) | _renewed(state, who))


def _check_in_answer(state: State, found: CheckIn) -> dict[str, Any]:
    assignment = None
    if found.work is not None:
        lease, plan = found.work.assignment, found.work.plan
        assignment = {
            "id": lease.id,
            "round": lease.round_id,
            "plan_digest": plan.digest,
            "plan": plan.to_mapping(),
            "bundle_url": f"/v1/models/{plan.model_version}/bundles/{plan.bundle}",
            "upload_url": f"/v1/updates/{lease.id}",
            "expires_at": rfc3339(lease.expires_at),
        }
    return {
        "assignment": assignment,
        "retry": _retry(found),
        "model_version": found.model_version,
        "catalogue": found.catalogue,
        "server_time": rfc3339(state["clock"]()),
    }


def _retry(found: CheckIn) -> dict[str, Any] | None:
    if found.wait is None:
        return None
    after_s, before_s = found.wait.window_s
    return {"after_s": after_s, "before_s": before_s, "reason": found.wait.reason}


def _renewed(state: State, who: Caller) -> dict[str, str]:
    assert who.user_id is not None, "a device's token names its user"
    assert who.thumbprint is not None, "a device's token is bound to its key"
    renewed = mint_token(state, who.subject, who.user_id, who.thumbprint)
    return {"token": renewed.token, "token_expires_at": renewed.expires_at}


@router.put(
    "/updates/{assignment_id}",
    status_code=201,
    summary="Upload an update",
    response_model=ReceiptView,
    responses={200: {"model": ReceiptView, "description": "The receipt given before"}},
    max_body_size=UPDATE_BYTES_MAX,
    openapi_extra=UPLOAD_OPENAPI,
)
async def put_update(
    state: StateOf, who: DeviceToken, assignment_id: PathId, request: Request
) -> JSONResponse:
    """Durable once answered. The same bytes again give the same receipt, other bytes 409."""
    try:
        answer = await _put(state, who.subject, assignment_id, request)
    except Problem as problem:
        state["metrics"].protocol.labels("upload", problem.reason).inc()
        raise
    outcome = "accepted" if answer.status_code == 201 else "repeated"
    state["metrics"].protocol.labels("upload", outcome).inc()
    return answer


async def _put(state: State, device_id: str, assignment_id: str, request: Request) -> JSONResponse:
    offer = await offers.find_offer(state, device_id, assignment_id)
    check_length(request.headers.get("content-length"), offer.plan)
    declared = declared_digest(request.headers.get("content-digest"))
    signature = request.headers.get(HEADER)
    envelope = check_signature(signature, offer, declared, state["public_keys"])
    offers.check_open(offer, declared, state["clock"]())
    pieces = pieces_of(request.stream(), offer.plan)
    taken = await uploads.receive_update(state, device_id, offer, pieces, declared, envelope)
    receipt = uploads.receipt(taken.update, taken.stored, offer.plan)
    return JSONResponse(receipt, 201 if taken.is_new else 200)


@router.get("/updates/{assignment_id}", summary="The receipt of an update")
async def get_receipt(state: StateOf, who: DeviceCaller, assignment_id: PathId) -> ReceiptView:
    """For a device that did not hear the answer to its upload, or asks what became of it."""
    offer = await offers.find_offer(state, who.subject, assignment_id)
    await request_count.add(state["cache"], who.subject)
    if offer.lease.accepted is None:
        raise not_found("update")
    state["metrics"].protocol.labels("receipt", "ok").inc()
    return ReceiptView.model_validate(
        uploads.receipt(offer.lease.accepted, offer.stored, offer.plan)
    )


@router.get("/rounds", summary="Rounds, newest first")
async def get_rounds(
    state: StateOf,
    who: OperationsServer,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> RoundList:
    """What each round granted, accepted and learnt."""
    async with state["database"].read() as connection:
        rows = await views_repository.list_rounds(connection, number_of(cursor), limit + 1)
    more = len(rows) > limit
    page = [round_view(row) for row in rows[:limit]]
    return RoundList(data=page, next_cursor=encode_cursor(str(page[-1].id)) if more else None)


@router.get("/rounds/{round_id}", summary="One round")
async def get_round(state: StateOf, who: OperationsServer, round_id: RoundId) -> RoundView:
    """The round's phase, counts and metrics."""
    async with state["database"].read() as connection:
        row = await views_repository.show_round(connection, round_id)
    if row is None:
        raise not_found("round")
    return round_view(row)
