"""An update's body on its way in: its declared length, its digest, its words."""

import base64
import binascii
import re
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from app.errors import Problem
from app.store.blobs import BlobTooLarge, read_limited
from federation.canonical import digest
from federation.plan import Plan
from federation.refusals import Refusal
from federation.update_checks import check_words
from federation.update_codec import decode, update_bytes

# One member of the dictionary of RFC 9530; others, such as sha-512, may stand beside it.
SHA_256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:$|[,;])")

STATUS = {
    "not_assigned": 404,
    "assignment_expired": 410,
    "round_closed": 410,
    "update_conflict": 409,
    "device_revoked": 403,
    "round_paused": 409,
    "unexpected_event": 409,
}
"""Reason of a refusal -> status; what is wrong with the body itself is 422."""


def problem_of(refusal: Refusal) -> Problem:
    """The problem that tells a device of a refusal."""
    return Problem(STATUS.get(refusal.reason, 422), refusal.reason, refusal.detail)


def check_length(declared: str | None, plan: Plan) -> None:
    """Refuse a body by its `Content-Length`, before any of it is read.

    Raises: Problem 411 `length_required`, 413 `body_too_large`, 422 `wrong_length`.
    """
    if declared is None or not (declared.isascii() and declared.isdigit()):
        raise Problem(411, "length_required", "An update needs a Content-Length.")
    exact, size = update_bytes(plan.n_words), declared.lstrip("0")
    detail = f"An update of this plan has {exact} bytes."
    # Digits first: a number that is too long to be a size need not become one.
    if len(size) > len(str(exact)) or int(size or 0) > exact:
        raise Problem(413, "body_too_large", detail)
    if int(size or 0) < exact:
        raise Problem(422, "wrong_length", detail)


def declared_digest(header: str | None) -> str:
    """The `sha256:<hex>` that a `Content-Digest` header (RFC 9530) declares.

    Raises: Problem 422 `digest_required`.
    """
    found = SHA_256.search(header or "")
    try:
        raw = base64.b64decode(found.group(1), validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        message = "must hold sha-256=:<base64 of 32 bytes>:"
        errors = [{"field": "Content-Digest", "message": message}]
        raise Problem(422, "digest_required", f"Content-Digest: {message}", errors=errors)
    return f"sha256:{raw.hex()}"


async def read_body(chunks: AsyncIterator[bytes], plan: Plan) -> bytes:
    """The whole body, which must be as long as the plan says.

    Raises: Problem 413 `body_too_large`, 422 `wrong_length`.
    """
    exact = update_bytes(plan.n_words)
    try:
        body = await read_limited(chunks, exact)
    except BlobTooLarge as error:
        raise Problem(413, "body_too_large", f"More than {exact} bytes came.") from error
    except ClientDisconnect as error:
        raise Problem(400, "truncated", "The connection closed within the body.") from error
    if len(body) != exact:
        raise Problem(422, "wrong_length", f"{len(body)} bytes came; {exact} were due.")
    return body


def check_body(body: bytes, declared: str, plan: Plan) -> None:
    """Refuse a body that is not what its header says, or no honest update of its plan.

    Raises: Problem 422 with the reason.
    """
    found = digest(body)
    if found != declared:
        detail = f"The body's digest is {found}, not the declared {declared}."
        raise Problem(422, "digest_mismatch", detail)
    words = decode(body, plan.digest, plan.n_words)
    refusal = words if isinstance(words, Refusal) else check_words(words, plan)
    if refusal is not None:
        raise problem_of(refusal)
