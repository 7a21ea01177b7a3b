"""Whether a database is at the newest schema."""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.store.database import Database
from app.store.migrate import alembic_config


def _is_current(connection: Connection) -> bool:
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest


async def is_current(database: Database) -> bool:
    """True when no migration is left to run."""
    async with database.read() as connection:
        return await connection.run_sync(_is_current)
