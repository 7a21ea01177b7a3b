"""Possession at the edge: a device's request is admitted with its proof, and answered with a nonce.

What is refused here is refused alike: 401, a stable reason, the challenge of RFC 9449, and a nonce
for whoever showed the key.
"""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.compact_jws import ALGORITHM
from app.access.dpop import Bound, Proof, ProofRefused, verify_proof
from app.access.throttling import throttle
from app.clock import rfc3339
from app.errors import Problem
from app.wiring import State

NONCE_KEY = "twofold.dpop_nonce"
ERRORS = {"dpop_required": "invalid_token", "dpop_nonce": "use_dpop_nonce"}
"""Reason -> error code of RFC 9449, 7.1 and 9; all others are `invalid_dpop_proof`."""
VOID = ProofRefused("dpop_nonce", "Use the nonce that is given here.")
USED = ProofRefused("dpop_replayed", "This proof was used before.")
BEARER = ProofRefused(
    "dpop_required", "A device's token needs its key: 'Authorization: DPoP ...', with a proof."
)


def refusal(refused: ProofRefused) -> Problem:
    """The 401 that says why a proof was not accepted."""
    error = ERRORS.get(refused.reason, "invalid_dpop_proof")
    challenge = f'DPoP error="{error}", algs="{ALGORITHM}"'
    headers = {"WWW-Authenticate": challenge}
    return Problem(401, refused.reason, refused.detail, headers=headers)


async def check_possession(
    state: State, request: Request, token: str, thumbprint: str, device_id: str
) -> None:
    """Admit the request if it carries a new proof by the token's key.

    Raises: Problem 401 `dpop_required`, `dpop_invalid`, `dpop_expired`, `dpop_nonce` or
    `dpop_replayed`; 429 `rate_limited`.
    """
    now = state["clock"]()
    found = _verified(state, request, token, thumbprint, now)
    if isinstance(found, ProofRefused) and found.reason != "dpop_expired":
        raise refusal(found)
    if isinstance(found, ProofRefused):
        await give_nonce(state, request)
        _pay(state, request, device_id)
        problem = refusal(found)
        problem.extra = {"server_time": rfc3339(now)}
        raise problem
    admission = await state["proofs"].admit(thumbprint, found.jti, found.nonce, now)
    request.scope[NONCE_KEY] = admission.nonce
    if admission.fate == "void":
        _pay(state, request, device_id)
        raise refusal(VOID)
    if admission.fate == "used":
        raise refusal(USED)


def _verified(
    state: State, request: Request, token: str, thumbprint: str, now: float
) -> Proof | ProofRefused:
    sent = request.headers.getlist("dpop")
    if not sent:
        return BEARER
    if len(sent) > 1:
        return ProofRefused("dpop_invalid", "There must be one proof.")
    public_url, path = state["settings"].public_url, request.scope["path"]
    bound = Bound(request.method, public_url, path, token, thumbprint)
    return verify_proof(sent[0], bound, state["public_keys"], now)


def _pay(state: State, request: Request, device_id: str) -> None:
    """Take a genuine proof that came too late from a bucket of its own.

    Its sender holds the key, so it is no guess that the address should pay for; nor may whoever
    sends old requests again use up what the device has for new ones.
    """
    throttle(state["limits"], request.scope, "device", f"late {device_id}")


async def give_nonce(state: State, request: Request) -> None:
    """Have the answer carry a nonce, outside of what `check_possession` sees."""
    request.scope[NONCE_KEY] = await state["proofs"].fresh_nonce(state["clock"]())


class NonceHeader:
    """Puts `DPoP-Nonce` on every answer to a device, so that the next request needs no other."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; add to its answer."""

        async def send_with_nonce(message: Message) -> None:
            if message["type"] == "http.response.start" and NONCE_KEY in scope:
                MutableHeaders(scope=message)["DPoP-Nonce"] = scope[NONCE_KEY]
            await send(message)

        await self.app(scope, receive, send_with_nonce)
