"""`/v1/keys`."""

from fastapi import APIRouter, Response

from app.access.dependencies import KeysServer
from app.idempotency import IdempotencyKey
from app.identifiers import PathId
from app.keys import service
from app.keys.schemas import KeyBody, KeyPage, NewKey
from app.pagination import LIMIT_DEFAULT, Cursor, Limit
from app.wiring import StateOf

router = APIRouter(tags=["keys"])


@router.post(
    "/keys",
    status_code=201,
    summary="Make a key",
    responses={200: {"model": NewKey, "description": "Made before; the secret is not repeated."}},
)
async def post_key(
    state: StateOf,
    who: KeysServer,
    body: KeyBody,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> NewKey:
    """The secret is shown once, and stored as a hash. To rotate, make one and revoke the old."""
    key, is_new = await service.make_key(state, who, body, idempotency_key)
    if not is_new:
        response.status_code = 200
    response.headers["Cache-Control"] = "no-store"
    return key


@router.get("/keys", summary="List keys")
async def list_keys(
    state: StateOf, who: KeysServer, cursor: Cursor = None, limit: Limit = LIMIT_DEFAULT
) -> KeyPage:
    """Without their secrets; revoked ones included."""
    return await service.list_keys(state, cursor, limit)


@router.delete("/keys/{key_id}", status_code=204, summary="Revoke a key")
async def delete_key(state: StateOf, who: KeysServer, key_id: PathId) -> None:
    """Other replicas may honour it for five seconds more. The last server key stays."""
    await service.delete_key(state, key_id)
