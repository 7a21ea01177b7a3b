"""`/v1/users`."""

from fastapi import APIRouter, Response

from app.access.dependencies import EventsPerson, UsersPerson, UsersServer
from app.identifiers import PathId
from app.pagination import LIMIT_DEFAULT, Cursor, Limit
from app.users import history, service
from app.users.schemas import (
    EventPage,
    History,
    ModeAnswer,
    SignedErasure,
    UserBody,
    UserToken,
    UserView,
)
from app.wiring import StateOf

router = APIRouter(tags=["users"])


@router.put(
    "/users/{user_id}",
    summary="Create a user or change the privacy mode",
    responses={201: {"model": ModeAnswer, "description": "Created."}},
)
async def put_user(
    state: StateOf, who: UsersServer, user_id: PathId, body: UserBody, response: Response
) -> ModeAnswer:
    """Leaving `hosted` erases the history, and only once `history_received` proves its receipt."""
    answer, created = await service.put_user(state, user_id, body)
    if created:
        response.status_code = 201
    return answer


@router.get("/users/{user_id}", summary="A user")
async def get_user(state: StateOf, who: UsersPerson, user_id: PathId) -> UserView:
    """The user's privacy mode."""
    who.require_user(user_id)
    return await service.get_user(state, user_id)


@router.delete("/users/{user_id}", summary="Erase a user")
async def delete_user(state: StateOf, who: UsersServer, user_id: PathId) -> SignedErasure:
    """History, devices, codes and cached state go; rounds keep a lease under a pseudonym.

    The answer is the proof of it, signed; keep it, it is not stored.
    """
    return await service.delete_user(state, user_id)


@router.get("/users/{user_id}/events", summary="A hosted user's events")
async def list_events(
    state: StateOf,
    who: EventsPerson,
    user_id: PathId,
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
) -> EventPage:
    """Newest first; empty for a user whose history stays on the device."""
    who.require_user(user_id)
    return await history.list_events(state, user_id, cursor, limit)


@router.get("/users/{user_id}/history", summary="Export a hosted user's history")
async def get_history(state: StateOf, who: EventsPerson, user_id: PathId) -> History:
    """All events in one answer, with the digest that lets the user leave `hosted`."""
    who.require_user(user_id)
    return await history.get_history(state, user_id)


@router.post("/users/{user_id}/tokens", status_code=201, summary="Mint a user token")
async def post_token(state: StateOf, who: UsersServer, user_id: PathId) -> UserToken:
    """For the user's page or phone; it may name no other user."""
    return await service.mint_token(state, user_id)
