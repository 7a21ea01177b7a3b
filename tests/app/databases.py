"""Databases of both kinds, made by copying one that is migrated: migrating takes longer than most
tests do.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.store.database import Database
from app.store.migrate import migrate


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end on a loop of its own, whatever this thread is doing."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class Databases(Protocol):
    """Databases of one kind, by their URLs. migrated: one without rows."""

    migrated: str

    def copy(self, url: str, path: Path) -> str:
        """A copy of a database that nobody is connected to. path: no other copy's."""

    def drop(self, url: str) -> None:
        """Remove a copy, whoever is connected to it."""


class SqliteFiles:
    """Each is a file at its path, and goes with the folder."""

    def __init__(self, folder: Path) -> None:
        self.migrated = f"sqlite+aiosqlite:///{folder}/migrated.db"
        run_apart(_migrated(self.migrated))

    def copy(self, url: str, path: Path) -> str:
        """Copy the file, to which the last who closed it has written everything."""
        shutil.copyfile(str(make_url(url).database), path)
        return f"sqlite+aiosqlite:///{path}"

    def drop(self, url: str) -> None:
        """Nothing to do."""


class PostgresDatabases:
    """Databases of one server, named after their paths. url: of its maintenance database."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Nothing here outlives a crash of Postgres itself, and each test makes a database.
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            self._administer(statement)
        self.migrated = self._create("template_twofold", "template1")
        run_apart(_migrated(self.migrated))

    def copy(self, url: str, path: Path) -> str:
        """Clone it."""
        name = f"test_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
        return self._create(name, str(make_url(url).database))

    def drop(self, url: str) -> None:
        """Drop it."""
        self._administer(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _create(self, name: str, template: str) -> str:
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def _administer(self, statement: str) -> None:
        async def run() -> None:
            engine = create_async_engine(self._url, isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                await connection.execute(text(statement))
            await engine.dispose()

        run_apart(run())


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()
