"""The migrations build the schema that `app.store.tables` describes, up and down."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.store.database import Database
from app.store.migrate import alembic_config, migrate
from app.store.tables import metadata


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database of each kind."""
    database = Database(database_url)
    yield database
    await database.close()


async def run(database: Database, work: Any) -> Any:
    """Run a function of a synchronous connection in one transaction."""

    async def inside(connection: Any) -> Any:
        return await connection.run_sync(work)

    return await database.transaction("test_migrations", inside)


def tables_of(connection: Connection) -> set[str]:
    """Names of the tables that exist."""
    return set(inspect(connection).get_table_names())


def drift_of(connection: Connection) -> list[Any]:
    """What Alembic would still change."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, metadata))


def constraints_of(connection: Connection) -> set[tuple[str, str | None]]:
    """Check and foreign-key constraints, which `compare_metadata` looks at in part only."""
    inspector = inspect(connection)
    found = set()
    for table in inspector.get_table_names():
        found |= {(table, check["name"]) for check in inspector.get_check_constraints(table)}
        found |= {(table, key["name"]) for key in inspector.get_foreign_keys(table)}
    return found


async def test_no_drift(database: Database) -> None:
    assert await run(database, drift_of) == []


async def test_down_and_up_again(database: Database) -> None:
    before = await run(database, constraints_of)
    await run(database, lambda connection: command.downgrade(alembic_config(connection), "base"))
    assert await run(database, tables_of) <= {"alembic_version"}
    await migrate(database)
    assert await run(database, tables_of) == {*metadata.tables, "alembic_version"}
    assert await run(database, drift_of) == []
    assert await run(database, constraints_of) == before


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await migrate(database)
    assert await run(database, drift_of) == []


async def test_the_tables_alone_build_the_same_schema(database: Database) -> None:
    migrated = await run(database, constraints_of)
    await run(database, lambda connection: command.downgrade(alembic_config(connection), "base"))
    await run(database, metadata.create_all)
    assert await run(database, constraints_of) == migrated


async def test_ids_sort_bytewise(database: Database) -> None:
    ids = ["a", "B", "é", "Z", "10", "9", "🛍️", "_"]

    def sort(connection: Connection) -> list[str]:
        for item_row, item_id in enumerate(ids):
            statement = text(
                "INSERT INTO items (id, row, content, revision, created_at, updated_at)"
                " VALUES (:id, :row, '{}', 1, 0, 0)"
            )
            connection.execute(statement, {"id": item_id, "row": item_row})
        found = connection.execute(text("SELECT id FROM items ORDER BY id")).scalars()
        return list(found)

    assert await run(database, sort) == sorted(ids, key=str.encode)


def test_one_line_of_versions() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert Path(scripts.dir).name == "migrations"
