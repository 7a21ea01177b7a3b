"""SQLite on the event loop alone, for a drill that has one request under way at a time.

The service leaves to a thread what may wait (`app.store.sqlite_at_once`); here nothing ever waits
for another, and a thread would bring its own order. The statements, the file and the durability are
the same.
"""

from typing import Any

import aiosqlite
from sqlalchemy import event

from app.store.database import Database
from app.store.sqlite_at_once import Work, settle


class _AtOnce:
    """In the place of a connection's queue and of its thread: work is done when it is handed in."""

    daemon = True

    def start(self) -> None:
        """There is no thread to start."""

    def put_nowait(self, work: Work) -> None:
        """Do it now, whatever it is."""
        settle(*work)


async def run_inline(database: Database) -> None:
    """Let the connections that `database` opens from now on work on the loop that uses them."""

    def prepare(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> None:
        options["async_creator_fn"] = _connect

    event.listen(database.engine.sync_engine, "do_connect", prepare)
    await database.engine.dispose()


def _connect(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    connection = aiosqlite.connect(*arguments, **options)
    at_once: Any = _AtOnce()
    connection._tx = connection._thread = at_once
    return connection
