"""An update's body on its way in: its declared length, its digest, its words."""

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from app.errors import Problem
from federation.plan import Plan
from federation.refusals import Refusal
from federation.update_checks import UpdateCheck
from federation.update_codec import update_bytes

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
    "stale_update": 410,
    "buffer_closed": 503,
}
"""Reason of a refusal -> status; what is wrong with the body itself is 422."""

PIECE_BYTES = 1 << 20


def problem_of(refusal: Refusal) -> Problem:
    """The problem that tells a device of a refusal."""
    status = STATUS.get(refusal.reason, 422)
    headers = {"Retry-After": "1"} if status == 503 else None
    return Problem(status, refusal.reason, refusal.detail, headers=headers)


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


async def pieces_of(chunks: AsyncIterator[bytes], plan: Plan) -> AsyncIterator[bytes]:
    """The body in pieces of about PIECE_BYTES; no more of it is ever in memory.

    Raises: Problem 400 `truncated`, 413 `body_too_large`.
    """
    left, waiting, size = update_bytes(plan.n_words), [], 0
    try:
        async for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                raise Problem(413, "body_too_large", "More bytes came than were declared.")
            waiting.append(chunk)
            size += len(chunk)
            if size >= PIECE_BYTES:
                yield b"".join(waiting)
                waiting, size = [], 0
    except ClientDisconnect as error:
        raise Problem(400, "truncated", "The connection closed within the body.") from error
    yield b"".join(waiting)


class BodyCheck:
    """Judges a body as it comes in: is it what its header says, and an honest update?"""

    def __init__(self, declared: str, plan: Plan) -> None:
        self._declared = declared
        self._update = UpdateCheck(plan)
        self._hash = hashlib.sha256()

    def feed(self, piece: bytes) -> None:
        """The next bytes, in order."""
        self._hash.update(piece)
        self._update.feed(piece)

    def finish(self) -> None:
        """Judge the whole.

        Raises: Problem 422 with the reason; `digest_mismatch` before all others, since bytes that
        were damaged on the way say nothing about their sender.
        """
        found = f"sha256:{self._hash.hexdigest()}"
        refusal = self._update.finish()
        if refusal is not None and refusal.reason == "wrong_length":
            raise problem_of(refusal)
        if found != self._declared:
            detail = f"The body's digest is {found}, not the declared {self._declared}."
            raise Problem(422, "digest_mismatch", detail)
        if refusal is not None:
            raise problem_of(refusal)
