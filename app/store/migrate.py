"""Bring a database to the newest schema with Alembic, from within the service."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

import migrations
from app.store.database import Database

# Any number works, as long as every replica uses the same one.
ADVISORY_LOCK = 0x7F0F01D


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(alembic_config(connection), "head")


async def migrate(database: Database) -> None:
    """Upgrade to head; replicas that start together take turns."""
    async with database.engine.connect() as connection:
        await connection.execution_options(write=True)
        async with connection.begin():
            if not database.is_sqlite:
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                await connection.execute(lock, {"lock": ADVISORY_LOCK})
            await connection.run_sync(_upgrade)
