"""Whether a database is at the newest schema. Alembic is left out: it takes a while to import."""

from sqlalchemy import Connection, inspect, text

from app.store.database import Database
from migrations import NEWEST


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return found.scalars().all() == [NEWEST]


async def is_current(database: Database) -> bool:
    """True when no migration is left to run."""
    async with database.read() as connection:
        return await connection.run_sync(_is_current)
