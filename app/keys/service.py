"""Making, listing and revoking keys."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.access.dependencies import Caller
from app.access.repository import StoredKey, add_key, revoke_key
from app.access.secrets import KEY_KINDS, PREFIX_CHARS, key_hash, new_key
from app.clock import rfc3339
from app.errors import Problem, invalid_field, not_found
from app.idempotency import derived_id, key_reused
from app.keys import repository
from app.keys.schemas import KeyBody, KeyPage, KeyView, NewKey
from app.pagination import encode_cursor
from app.wiring import State

PREFIX_OF = {kind: prefix for prefix, kind in KEY_KINDS.items()}


def view(key: StoredKey) -> KeyView:
    """The key as clients see it."""
    return KeyView.model_validate(
        {
            "id": key.id,
            "kind": key.kind,
            "prefix": key.prefix,
            "scopes": key.scopes,
            "created_at": rfc3339(key.created_at),
            "revoked_at": None if key.revoked_at is None else rfc3339(key.revoked_at),
        }
    )


def scopes_of(who: Caller, body: KeyBody) -> tuple[str, ...]:
    """What the new key may do: nothing that its maker may not.

    Raises: Problem 403 `scope_exceeded`, 422.
    """
    if body.kind == "publishable":
        if body.scopes is not None:
            raise invalid_field("scopes", "a publishable key has none")
        return ()
    wanted = who.scopes if body.scopes is None else frozenset[str](body.scopes)
    if beyond := sorted(wanted - who.scopes):
        detail = f"A key makes no key that may do more than itself: {', '.join(beyond)}."
        raise Problem(403, "scope_exceeded", detail)
    return tuple(sorted(wanted))


async def make_key(
    state: State, who: Caller, body: KeyBody, idempotency_key: str | None
) -> tuple[NewKey, bool]:
    """A new key with its secret; True when it was made now.

    Only the hash is stored, so a repeated `Idempotency-Key` finds the key without its secret: who
    lost the first answer revokes that key by its id and makes another.

    Raises: Problem 403 `scope_exceeded`; 422 for scopes of a publishable key; 409
    `idempotency_key_reused` when it made a key of another kind or other scopes.
    """
    secret, now = new_key(PREFIX_OF[body.kind]), state["clock"]()
    new_id = state["new_id"]
    key_id = derived_id("key", who.subject, idempotency_key) if idempotency_key else new_id()
    made = StoredKey(key_id, body.kind, secret[:PREFIX_CHARS], scopes_of(who, body), now, None)

    async def run(connection: AsyncConnection) -> StoredKey:
        if await add_key(connection, made, key_hash(secret)):
            return made
        known = await repository.get_key(connection, key_id)
        if known is None or (known.kind, known.scopes) != (made.kind, made.scopes):
            raise key_reused("key")
        return known

    stored = await state["database"].transaction("make_key", run)
    is_new = stored is made
    return NewKey(**view(stored).model_dump(), key=secret if is_new else None), is_new


async def list_keys(state: State, after: str | None, limit: int) -> KeyPage:
    """One page of keys, without secrets."""
    async with state["database"].read() as connection:
        found = await repository.page_of_keys(connection, after, limit + 1)
    page = found[:limit]
    cursor = encode_cursor(page[-1].id) if len(found) > limit else None
    return KeyPage(data=[view(key) for key in page], next_cursor=cursor)


async def delete_key(state: State, key_id: str) -> None:
    """Revoke a key: at once in this worker, within seconds in others.

    Raises: Problem 404; 409 `last_server_key`, which nobody could replace.
    """
    now = state["clock"]()

    async def run(connection: AsyncConnection) -> None:
        live = await repository.lock_makers(connection)
        if live == [key_id]:
            raise Problem(409, "last_server_key", "Make another server key before this one goes.")
        if not await revoke_key(connection, key_id, now):
            raise not_found("key")

    await state["database"].transaction("delete_key", run)
    state["known_keys"].forget()
