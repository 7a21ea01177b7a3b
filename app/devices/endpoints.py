"""`/v1/devices` and a user's enrolment codes."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.access.dependencies import Caller, DevicesPerson, DevicesServer, Only
from app.access.possession import give_nonce
from app.clock import rfc3339
from app.devices import service
from app.devices.schemas import (
    CodeRequest,
    DeviceToken,
    DeviceView,
    EnrolledDevice,
    Enrolment,
    EnrolmentCode,
    TokenRequest,
)
from app.identifiers import PathId
from app.wiring import StateOf

router = APIRouter(tags=["devices"])
Owner = Annotated[Caller, Depends(Only(("server", "user", "device"), "devices"))]


@router.post(
    "/users/{user_id}/enrolment-codes", status_code=201, summary="Make an enrolment code for a user"
)
async def post_code(
    state: StateOf, who: DevicesServer, user_id: PathId, body: CodeRequest | None = None
) -> EnrolmentCode:
    """A code that enrols one device; it is shown once and kept as a hash."""
    replaces = body is not None and body.replaces
    return await service.make_code(state, user_id, replaces)


@router.post("/devices", status_code=201, summary="Enrol a device")
async def post_device(
    state: StateOf, body: Enrolment, request: Request, response: Response
) -> EnrolledDevice:
    """The code is the credential; the proof shows possession of the key. Repeatable with both."""
    device, new = await service.enrol(state, body)
    await give_nonce(state, request)
    if not new:
        response.status_code = 200
    return device


@router.post("/devices/{device_id}/tokens", status_code=201, summary="Renew a device's token")
async def post_token(
    state: StateOf, device_id: PathId, body: TokenRequest, request: Request
) -> DeviceToken:
    """For a device whose token has expired; check-ins renew it without this call."""
    token = await service.renew_token(state, device_id, body.proof)
    await give_nonce(state, request)
    state["metrics"].protocol.labels("token", "renewed").inc()
    return token


@router.get("/devices/{device_id}", summary="A device")
async def get_device(state: StateOf, who: Owner, device_id: PathId) -> DeviceView:
    """When it enrolled, when it last checked in, whether it was revoked."""
    device = await service.get_device(state, who, device_id)
    return DeviceView(
        id=device.id,
        user_id=device.user_id,
        created_at=rfc3339(device.created_at),
        seen_at=rfc3339(device.seen_at),
        revoked_at=None if device.revoked_at is None else rfc3339(device.revoked_at),
    )


@router.delete("/devices/{device_id}", status_code=204, summary="Revoke a device")
async def delete_device(state: StateOf, who: DevicesPerson, device_id: PathId) -> None:
    """Takes effect at once; repeating it changes nothing."""
    await service.revoke(state, who, device_id)
