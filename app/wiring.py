"""What a worker holds while it lives: made at start, closed at the end, handed to every request."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, TypedDict, cast

from fastapi import Depends, FastAPI, Request

from app.access.bootstrap import store_bootstrap_keys
from app.access.known_keys import KnownKeys
from app.access.nonces import EPOCH_BYTES, Nonces
from app.access.public_keys import PublicKeys
from app.access.rate_limits import RateLimits
from app.access.secrets import signing_secret
from app.access.tokens import TokenSigner
from app.access.used_proofs import UsedProofs
from app.cache.connection import Cache
from app.cache.user_state import UserStates
from app.clock import Clock, system_clock
from app.models.serving import ServingModels
from app.operations.metrics import Metrics
from app.receipts.signing import ReceiptSigner, receipt_key
from app.settings import Settings
from app.store.blobs import BlobStore
from app.store.database import Database
from app.store.group_commit import GroupCommits


class State(TypedDict):
    """The typed lifespan state."""

    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    database: Database
    groups: GroupCommits
    cache: Cache
    user_states: UserStates
    blobs: BlobStore
    tokens: TokenSigner
    proofs: UsedProofs
    public_keys: PublicKeys
    receipts: ReceiptSigner
    known_keys: KnownKeys
    limits: RateLimits
    serving: ServingModels
    metrics: Metrics


async def state_of(request: Request) -> State:
    """The lifespan state of the app that serves this request."""
    return cast(State, request.scope["state"])


StateOf = Annotated[State, Depends(state_of)]


def new_id() -> str:
    """A random identifier of 128 bits, safe in URLs and file names."""
    return secrets.token_hex(16)


def build_state(settings: Settings, redis_url: str, clock: Clock) -> State:
    """Wire the parts together; connects to nothing yet."""
    database = Database(settings.resolved_database_url)
    cache = Cache(redis_url, settings.cache_timeout_s, clock)
    blobs = BlobStore(settings.data_dir / "blobs")
    secret = signing_secret(settings)
    return State(
        settings=settings,
        clock=clock,
        new_id=new_id,
        database=database,
        groups=GroupCommits(database),
        cache=cache,
        user_states=UserStates(cache, settings.user_state_ttl_s),
        blobs=blobs,
        tokens=TokenSigner(secret, clock),
        proofs=UsedProofs(cache, Nonces(secret), lambda: secrets.token_bytes(EPOCH_BYTES)),
        public_keys=PublicKeys(),
        receipts=ReceiptSigner(receipt_key(settings)),
        known_keys=KnownKeys(clock),
        limits=RateLimits(settings.limits, clock),
        serving=ServingModels(database, blobs, settings.rankable_versions),
        metrics=Metrics(),
    )


def lifespan(
    settings: Settings, redis_url: str, clock: Clock = system_clock
) -> Callable[[FastAPI], AbstractAsyncContextManager[State]]:
    """The app's lifespan: build the state, keep the item table current, close everything."""

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[State]:
        state = build_state(settings, redis_url, clock)
        await store_bootstrap_keys(state["database"], settings, clock)
        await state["serving"].refresh()
        follower = asyncio.create_task(state["serving"].follow(settings.tick_s))
        try:
            yield state
        finally:
            await state["serving"].end(follower)
            await state["user_states"].end()
            await state["cache"].close()
            await state["database"].close()

    return run
