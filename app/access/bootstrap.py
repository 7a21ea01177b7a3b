"""The first keys of a new service."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.access import repository
from app.access.repository import StoredKey
from app.access.scopes import SCOPES
from app.access.secrets import PREFIX_CHARS, bootstrap_keys, key_hash
from app.clock import Clock
from app.settings import Settings
from app.store.database import Database


async def store_bootstrap_keys(database: Database, settings: Settings, clock: Clock) -> None:
    """Store the hash of each bootstrap key, unless it is there (revoked ones stay revoked)."""

    async def run(connection: AsyncConnection) -> None:
        for kind, key in bootstrap_keys(settings).items():
            hashed = key_hash(key)
            if await repository.find_key(connection, hashed) is None:
                key_id = f"bootstrap-{hashed.hex()[:12]}"
                scopes = tuple(sorted(SCOPES)) if kind == "server" else ()
                first = StoredKey(key_id, kind, key[:PREFIX_CHARS], scopes, clock(), None)
                await repository.add_key(connection, first, hashed)

    await database.transaction("store_bootstrap_keys", run)
