"""SQLite on the event loop itself, for a drill that has one request under way at a time.

aiosqlite gives every connection a thread, and every statement two hops between threads; a drill
would spend more than half of its time on them. The statements, the file and the durability are the
same.
"""

from asyncio import Future
from collections.abc import Callable
from typing import Any

import aiosqlite
from sqlalchemy import event

from app.store.database import Database


class _AtOnce:
    """In the place of a connection's queue and of its thread: work is done when it is handed in."""

    daemon = True

    def start(self) -> None:
        """There is no thread to start."""

    def put_nowait(self, work: tuple[Future[Any] | None, Callable[[], Any]]) -> None:
        """Run the function and settle its future."""
        future, run = work
        try:
            result = run()
        except Exception as error:
            if future is None:
                raise
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


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
