"""Enrolment, tokens and revocation of devices."""

import secrets

from joserfc.jwk import ECKey
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.dependencies import Caller
from app.access.secrets import key_hash
from app.clock import rfc3339
from app.devices import repository
from app.devices.approvals import is_approval
from app.devices.proofs import import_public_key, proof_payload
from app.devices.repository import StoredCode, StoredDevice
from app.devices.schemas import DeviceToken, EnrolledDevice, Enrolment, EnrolmentCode
from app.errors import Problem, device_revoked, invalid_field, not_found, unauthorised
from app.wiring import State
from federation.device_claims import ApprovalClaims

PROOF_AGE_S_MAX = 300.0
IAT_MAX = 1e12
CODE_PREFIX = "tf_code_"


async def make_code(state: State, user_id: str, replaces: bool) -> EnrolmentCode:
    """A fresh code for a user; only its hash is kept.

    replaces: it enrols without the approval of a device that the user has.

    Raises: Problem 404 when the user was never put.
    """
    # The prefix keeps a code from looking like an option on a command line.
    code = CODE_PREFIX + secrets.token_urlsafe(24)
    expires_at = state["clock"]() + state["settings"].enrolment_code_ttl_s

    async def run(connection: AsyncConnection) -> None:
        if not await repository.user_exists(connection, user_id):
            raise not_found("user")
        await repository.add_code(connection, key_hash(code), user_id, expires_at, replaces)

    await state["database"].transaction("make_enrolment_code", run)
    return EnrolmentCode(code=code, expires_at=rfc3339(expires_at))


async def enrol(state: State, body: Enrolment) -> tuple[EnrolledDevice, bool]:
    """Enrol the key that the proof shows possession of; True when the device is new.

    Raises: Problem 422 `invalid_field`, 401 `proof_invalid`, 404, 410 `code_expired`,
    409 `code_used` or `key_enrolled`, 403 `device_revoked`, `approval_required` or
    `approval_invalid`.
    """
    key = _public_key(body)
    claims = proof_payload(body.proof, key)
    if claims != {"code": body.code, "purpose": "enrol"}:
        raise unauthorised("The proof does not sign this code with this key.", "proof_invalid")
    now, device_id, hashed = state["clock"](), state["new_id"](), key_hash(body.code)
    thumbprint = key.thumbprint()

    async def run(connection: AsyncConnection) -> StoredDevice:
        code = await repository.lock_code(connection, hashed)
        if code is None:
            raise Problem(404, "code_unknown", "No such enrolment code.")
        known = await repository.find_by_thumbprint(connection, thumbprint)
        device = _admit(code, known, now)
        if device is None:
            await _check_approved(state, connection, code, body, thumbprint)
            bare = body.public_key.bare()
            device = StoredDevice(device_id, code.user_id, bare, thumbprint, now, now, None)
            await repository.add_device(connection, device)
        if code.device_id is None:
            await repository.use_code(connection, hashed, device.id)
        return device

    try:
        device = await state["database"].transaction("enrol_device", run)
    except IntegrityError:  # another request enrolled this very key in between: find it now
        device = await state["database"].transaction("enrol_device", run)
    token = mint_token(state, device.id, device.user_id, thumbprint)
    answer = EnrolledDevice(device_id=device.id, user_id=device.user_id, **token.model_dump())
    return answer, device.id == device_id


def _public_key(body: Enrolment) -> ECKey:
    try:
        return import_public_key(body.public_key.bare())
    except ValueError as error:
        raise invalid_field("public_key", str(error)) from error


def _admit(code: StoredCode, known: StoredDevice | None, now: float) -> StoredDevice | None:
    """The device that enrolled this key before, or None when it is to be made."""
    if known is not None and known.user_id != code.user_id:
        raise Problem(409, "key_enrolled", "This key is enrolled for another user.")
    if code.device_id is not None and (known is None or known.id != code.device_id):
        raise Problem(409, "code_used", "This code enrolled another device.")
    # Repeats too: a request that was once overheard must not buy tokens for ever.
    if now >= code.expires_at:
        raise Problem(410, "code_expired", "This enrolment code has expired.")
    if known is not None and known.revoked_at is not None:
        raise device_revoked()
    return known


async def _check_approved(
    state: State, connection: AsyncConnection, code: StoredCode, body: Enrolment, thumbprint: str
) -> None:
    """A further device joins by the word of one that is there.

    A code may be overheard or talked out of somebody; the key of a device may not.
    Raises: Problem 403 `approval_required` or `approval_invalid`.
    """
    keys = await repository.lock_live_keys(connection, code.user_id)
    if code.replaces or not keys:
        return
    if body.approval is None:
        detail = "The user has a device: it must approve this one."
        raise Problem(403, "approval_required", detail, extra={"thumbprint": thumbprint})
    parsed = filter(None, map(state["public_keys"].get, keys))
    claims = ApprovalClaims(body.code, thumbprint)
    if not any(is_approval(body.approval, claims, key) for key in parsed):
        detail = "No enrolled device of the user signed this code with this key."
        raise Problem(403, "approval_invalid", detail)


async def renew_token(state: State, device_id: str, proof: str) -> DeviceToken:
    """A token for whoever shows possession of the device's key; unknown devices look the same.

    Raises: Problem 401 `proof_invalid` or `proof_expired`, 403 `device_revoked`.
    """
    async with state["database"].read() as connection:
        device = await repository.find_device(connection, device_id)
    claims = None
    if device is not None and device.public_key:
        claims = proof_payload(proof, import_public_key(device.public_key))
    if device is None or claims is None or not _asks_for_token(claims, device_id):
        raise unauthorised("The proof is not this device's.", "proof_invalid")
    now = state["clock"]()
    if abs(now - float(claims["iat"])) > PROOF_AGE_S_MAX:
        raise _proof_expired(now)
    if device.revoked_at is not None:
        raise device_revoked()
    return mint_token(state, device.id, device.user_id, device.thumbprint)


def _asks_for_token(claims: dict[str, object], device_id: str) -> bool:
    iat = claims.get("iat")
    # The bound also keeps out NaN, infinities and integers that no float can hold.
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not abs(iat) < IAT_MAX:
        return False
    return claims == {"device_id": device_id, "purpose": "token", "iat": iat}


def _proof_expired(now: float) -> Problem:
    problem = unauthorised("The proof was not made just now.", "proof_expired")
    problem.extra = {"server_time": rfc3339(now)}
    return problem


def mint_token(state: State, device_id: str, user_id: str, thumbprint: str) -> DeviceToken:
    """A token for an enrolled device, bound to its key."""
    ttl_s = state["settings"].device_token_ttl_s
    token = state["tokens"].mint("device", device_id, user_id, ttl_s, thumbprint=thumbprint)
    return DeviceToken(token=token, expires_at=rfc3339(state["clock"]() + ttl_s))


async def get_device(state: State, who: Caller, device_id: str) -> StoredDevice:
    """The device, for a server key or its own user.

    Raises: Problem 404 when there is none, or it is another user's.
    """
    async with state["database"].read() as connection:
        device = await repository.find_device(connection, device_id)
    if device is None or (who.kind != "server" and who.user_id != device.user_id):
        raise not_found("device")
    return device


async def revoke(state: State, who: Caller, device_id: str) -> None:
    """End an enrolment; every worker refuses the device's next request."""
    await get_device(state, who, device_id)
    now = state["clock"]()

    async def run(connection: AsyncConnection) -> None:
        await repository.revoke_device(connection, device_id, now)

    await state["database"].transaction("revoke_device", run)
