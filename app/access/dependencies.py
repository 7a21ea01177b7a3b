"""Route dependencies: each names a credential, verifies it and yields its caller.

...Server     server key of that scope: the app's backend; may name any user
...Person     the same, or a user token; the route then calls `require_user`
...Reader     any credential, a server key of that scope: catalogue, lists for anonymous sessions
Reader        any credential: the model, which devices of every mode need
DeviceCaller  token of a device that is not revoked, with a proof by its key
DeviceToken   token of a device, for a route whose own queries ask whether it is revoked
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.http import HTTPBase

from app.access import repository
from app.access.possession import BEARER, check_possession, refusal
from app.access.scopes import Scope
from app.access.secrets import KEY_KINDS, key_hash
from app.access.throttling import throttle
from app.access.tokens import Claims, TokenRefused
from app.errors import Problem, device_revoked, unauthorised
from app.store.outage import AWAY
from app.wiring import State, StateOf

_bearer = HTTPBearer(auto_error=False, description="Server key, publishable key or token")
_dpop = HTTPBase(
    scheme="DPoP",
    scheme_name="DPoP",
    auto_error=False,
    description="Token of a device, with a proof by its key in the header DPoP (RFC 9449)",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
Presented = Annotated[HTTPAuthorizationCredentials | None, Depends(_dpop)]


@dataclass(frozen=True)
class Caller:
    """Who calls. kind: "server", "publishable", "user" or "device"; user_id for tokens.

    scopes: of a server key; thumbprint: of a device's key.
    """

    kind: str
    subject: str
    user_id: str | None = None
    born: float | None = None
    scopes: frozenset[str] = frozenset()
    thumbprint: str | None = None

    def require_user(self, user_id: str) -> None:
        """A server key may name any user, a token only its own.

        Raises: Problem 403 `foreign_user`.
        """
        if self.kind != "server" and self.user_id != user_id:
            raise Problem(403, "foreign_user", "This credential belongs to another user.")


async def caller(state: StateOf, request: Request, bearer: Bearer, presented: Presented) -> Caller:
    """Verify whatever credential came, of any kind."""
    if bearer is not None:
        return await _caller_by_bearer(state, bearer.credentials)
    if presented is None or presented.scheme.lower() != "dpop" or not presented.credentials:
        raise unauthorised("Send a key or token as 'Authorization: Bearer ...'.")
    claims = _claims(state, presented.credentials)
    if claims.thumbprint is None:
        raise unauthorised("Only a device's token is bound to a key.", "token_invalid")
    token, device_id = presented.credentials, claims.subject
    await check_possession(state, request, token, claims.thumbprint, device_id)
    return Caller(claims.kind, device_id, claims.user_id, thumbprint=claims.thumbprint)


async def _caller_by_bearer(state: State, text: str) -> Caller:
    if text.startswith(tuple(KEY_KINDS)):
        return await _caller_by_key(state, text)
    claims = _claims(state, text)
    if claims.thumbprint is not None:
        raise refusal(BEARER)
    return Caller(claims.kind, claims.subject, claims.user_id, claims.born)


def _claims(state: State, token: str) -> Claims:
    claims = state["tokens"].verify(token)
    if isinstance(claims, TokenRefused):
        raise unauthorised("The token is not valid or has expired.", claims.reason)
    return claims


async def _check_live(state: State, device_id: str) -> None:
    """A device's token may outlive its enrolment: every request asks.

    Raises: Problem 403 `device_revoked`.
    """
    async with state["database"].read() as connection:
        if not await repository.is_device_live(connection, device_id):
            raise device_revoked()


async def _check_account(state: State, user_id: str, born: float) -> None:
    """A token ends with its account: the next one of the same id is somebody else's.

    With the database away the token stands: nothing can be written then, and lists are degraded.
    Raises: Problem 401 `token_invalid`.
    """
    try:
        async with asyncio.timeout(state["settings"].database_timeout_s):
            async with state["database"].read() as connection:
                created_at = await repository.account_created_at(connection, user_id)
    except (TimeoutError, *AWAY):
        return
    if created_at != born:
        raise unauthorised("The token's account was erased.", "token_invalid")


async def _caller_by_key(state: StateOf, key: str) -> Caller:
    hashed = key_hash(key)
    kept = state["known_keys"].get(hashed)
    if kept is None:
        async with state["database"].read() as connection:
            kept = await repository.find_key(connection, hashed)
        if kept is not None and kept.revoked_at is None:
            state["known_keys"].put(hashed, kept)
    if kept is None or kept.revoked_at is not None:
        raise unauthorised("The key is not known or was revoked.", "key_invalid")
    return Caller(kept.kind, kept.id, scopes=frozenset(kept.scopes))


@dataclass(frozen=True)
class Only:
    """A dependency that lets through callers of these kinds.

    scope: what a server key must be made for. ask_live: ask the database whether a device is still
    enrolled, in a query of its own.
    """

    kinds: tuple[str, ...]
    scope: Scope | None = None
    ask_live: bool = True

    async def __call__(
        self, state: StateOf, request: Request, who: Annotated[Caller, Depends(caller)]
    ) -> Caller:
        """The caller.

        Raises: Problem 403 `wrong_credential`, `scope_missing` or `device_revoked`, 401
        `token_invalid`, 429 `rate_limited`.
        """
        throttle(state["limits"], request.scope, who.kind, who.subject)
        if who.kind not in self.kinds:
            kinds = " or ".join(self.kinds)
            detail = f"This route takes a {kinds} credential, not a {who.kind} one."
            raise Problem(403, "wrong_credential", detail)
        if who.kind == "server":
            self._check_scope(who)
        elif who.kind == "device":
            if self.ask_live:
                await _check_live(state, who.subject)
        elif who.user_id is not None and who.born is not None:
            await _check_account(state, who.user_id, who.born)
        return who

    def _check_scope(self, who: Caller) -> None:
        if self.scope is not None and self.scope not in who.scopes:
            detail = f"This key was not made for the scope {self.scope!r}."
            raise Problem(403, "scope_missing", detail)


CatalogueServer = Annotated[Caller, Depends(Only(("server",), "catalogue"))]
UsersServer = Annotated[Caller, Depends(Only(("server",), "users"))]
DevicesServer = Annotated[Caller, Depends(Only(("server",), "devices"))]
OperationsServer = Annotated[Caller, Depends(Only(("server",), "operations"))]
KeysServer = Annotated[Caller, Depends(Only(("server",), "keys"))]

_PERSON = ("server", "user")
UsersPerson = Annotated[Caller, Depends(Only(_PERSON, "users"))]
EventsPerson = Annotated[Caller, Depends(Only(_PERSON, "events"))]
RecommendPerson = Annotated[Caller, Depends(Only(_PERSON, "recommend"))]
DevicesPerson = Annotated[Caller, Depends(Only(_PERSON, "devices"))]

_READER = ("server", "publishable", "user", "device")
CatalogueReader = Annotated[Caller, Depends(Only(_READER, "catalogue"))]
RecommendReader = Annotated[Caller, Depends(Only(_READER, "recommend"))]
Reader = Annotated[Caller, Depends(Only(_READER))]

DeviceCaller = Annotated[Caller, Depends(Only(("device",)))]
DeviceToken = Annotated[Caller, Depends(Only(("device",), ask_live=False))]
