"""Modes, erasure and tokens of users."""

import contextlib
import math

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cache.connection import CacheDown
from app.clock import rfc3339
from app.errors import Problem, not_found
from app.recommendations.user_state import refresh_user_state
from app.users import erasure_repository as erasure
from app.users import history, repository
from app.users.repository import StoredUser
from app.users.schemas import Erasure, ModeAnswer, SignedErasure, UserBody, UserToken, UserView
from app.wiring import State
from federation.canonical import digest


def view(user: StoredUser) -> UserView:
    """The user as clients see it."""
    return UserView(
        id=user.id,
        mode=user.mode,
        created_at=rfc3339(user.created_at),
        updated_at=rfc3339(user.updated_at),
    )


async def get_user(state: State, user_id: str) -> UserView:
    """One user.

    Raises: Problem 404.
    """
    return view(await _stored_user(state, user_id))


async def _stored_user(state: State, user_id: str) -> StoredUser:
    async with state["database"].read() as connection:
        user = await repository.find_user(connection, user_id)
    if user is None:
        raise not_found("user")
    return user


async def put_user(state: State, user_id: str, body: UserBody) -> tuple[ModeAnswer, bool]:
    """Create a user or change the mode; True when created. The same mode again changes nothing.

    Raises: Problem 409 `history_not_handed_over` or `history_changed` on leaving `hosted`.
    """
    now = state["clock"]()
    fresh = StoredUser(user_id, body.mode, now, now)

    async def run(connection: AsyncConnection) -> tuple[StoredUser, bool, int]:
        if await repository.add_user(connection, fresh):
            return fresh, True, 0
        user = await repository.lock_user(connection, user_id)
        if user is None:  # erased between the two statements: start again
            return await run(connection)
        if user.mode == body.mode:
            return user, False, 0
        erased = await _leave_hosted(connection, user, body.history_received)
        await repository.set_mode(connection, user_id, body.mode, now)
        return StoredUser(user_id, body.mode, user.created_at, now), False, erased

    user, created, erased = await state["database"].transaction("put_user", run)
    await refresh_user_state(state, user_id)
    return ModeAnswer(**view(user).model_dump(), erased_events=erased), created


async def _leave_hosted(connection: AsyncConnection, user: StoredUser, received: str | None) -> int:
    """Erase the history of a user who leaves `hosted`, once it was handed over."""
    if user.mode != "hosted":
        return 0
    held = await history.export(connection, user.id)
    if held.events and received is None:
        detail = "Fetch the history, keep it, then repeat with its digest as history_received."
        raise Problem(409, "history_not_handed_over", detail)
    if held.events and received != held.digest:
        detail = "The history is not the one whose digest was sent: fetch it again."
        raise Problem(409, "history_changed", detail)
    return await repository.erase_history(connection, user.id)


async def delete_user(state: State, user_id: str) -> SignedErasure:
    """Erase a user: history, tower, codes, devices and cached state; effect at once.

    Raises: Problem 404.
    """
    now, pseudonym = state["clock"](), f"erased-{state['new_id']()}"

    async def run(connection: AsyncConnection) -> tuple[Erasure, float]:
        user = await repository.lock_user(connection, user_id)
        if user is None:
            raise not_found("user")
        done = await _erase(connection, user_id, pseudonym, now)
        # Whatever was cached of this user must be older, even if the clock that made them is ahead.
        return done, max(now, math.nextafter(user.created_at, math.inf))

    done, erased_at = await state["database"].transaction("delete_user", run)
    with contextlib.suppress(CacheDown):  # it then forgets as soon as it is back
        await state["user_states"].forget(user_id, erased_at)
    signed = state["receipts"].sign_erasure(done.model_dump())
    return SignedErasure(**done.model_dump(), signed=signed)


async def _erase(connection: AsyncConnection, user_id: str, pseudonym: str, now: float) -> Erasure:
    pending = await erasure.count_pending_updates(connection, user_id)
    events = await repository.erase_history(connection, user_id)
    codes, devices = await erasure.forget_devices(connection, user_id)
    leases = 0
    if await erasure.took_part(connection, user_id):
        await repository.add_pseudonym(connection, pseudonym, now)
        cut_off, leases = await erasure.rename_participation(connection, user_id, pseudonym, now)
        devices += cut_off
    await repository.delete_user(connection, user_id)
    return Erasure(
        user=digest(user_id.encode("utf-8", "surrogatepass")),
        erased_at=rfc3339(now),
        events=events,
        codes=codes,
        devices=devices,
        leases=leases,
        pending_updates=pending,
    )


async def mint_token(state: State, user_id: str) -> UserToken:
    """A short-lived token for the user's page or phone.

    Raises: Problem 404.
    """
    user = await _stored_user(state, user_id)
    ttl_s = state["settings"].user_token_ttl_s
    token = state["tokens"].mint("user", user_id, user_id, ttl_s, born=user.created_at)
    return UserToken(token=token, expires_at=rfc3339(state["clock"]() + ttl_s))
