"""SQLite without its thread's hops: what cannot wait is done where it is asked for.

aiosqlite gives every connection a thread, and every call of the driver two hops between threads:
most of what a short statement costs. Under a write-ahead log only two statements of a transaction
can wait: `BEGIN IMMEDIATE` for the writer before it, `COMMIT` for the disk. They, and what comes in
bulk, still go to the thread; all others run on the event loop.
"""

from asyncio import Future
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.engine import Engine

Call = Callable[[], Any]
Work = tuple[Future[Any] | None, Call]

BEGIN_WRITING = "BEGIN IMMEDIATE"
_BRIEF_STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "ROLLBACK", "WITH")
BRIEF_ROWS = 64
_BRIEF_CALLS = ("cursor", "fetchone", "fetchmany", "fetchall", "rollback")


def is_brief(call: Call) -> bool:
    """Whether a call of the driver waits neither for another connection nor for the disk."""
    if not isinstance(call, partial):
        return False
    name = call.func.__name__
    if name == "execute":
        statement: str = call.args[0]
        return statement.startswith(_BRIEF_STATEMENTS) and statement != BEGIN_WRITING
    if name == "executemany":
        return len(call.args[1]) <= BRIEF_ROWS
    if name == "close":  # of a cursor; closing the connection may write the log back
        return hasattr(call.func.__self__, "lastrowid")  # type: ignore[attr-defined]
    return name in _BRIEF_CALLS


class WorkQueue:
    """The queue from a connection to its thread, past which some work goes.

    Calls of one connection keep their order: while the thread has work, all else goes behind it.
    is_straight: nothing goes past.
    """

    def __init__(self, queue: "SimpleQueue[Work]", goes_past: Callable[[Call], bool]) -> None:
        self._queue, self._goes_past = queue, goes_past
        self.is_straight = False
        # Each is changed by one thread only, so neither needs a lock.
        self._handed_in = self._done = 0

    def put_nowait(self, work: Work) -> None:
        """Do the work now, or hand it to the thread."""
        future, call = work
        is_idle = self._handed_in == self._done and not self.is_straight
        if is_idle and self._goes_past(call):
            settle(future, call)
            return
        self._handed_in += 1
        self._queue.put_nowait((future, partial(self._call, call)))

    def _call(self, call: Call) -> Any:
        try:
            return call()
        finally:
            self._done += 1


def settle(future: Future[Any] | None, call: Call) -> None:
    """Make the call and settle its future, if anybody waits for it."""
    try:
        result = call()
    except Exception as error:
        if future is None:
            raise
        future.set_exception(error)
    else:
        if future is not None:
            future.set_result(result)


@contextmanager
def on_thread(driver_connection: Any) -> Iterator[None]:
    """Leave the loop alone meanwhile: all work of this connection goes to its thread."""
    queue = driver_connection._tx
    queue.is_straight = True
    try:
        yield
    finally:
        queue.is_straight = False


def work_at_once(engine: Engine) -> None:
    """Let the connections that this engine opens from now on do brief work at once."""

    def prepare(dialect: Any, record: Any, arguments: Any, options: dict[str, Any]) -> None:
        options.setdefault("async_creator_fn", _connect)

    event.listen(engine, "do_connect", prepare)


def _connect(*arguments: Any, **options: Any) -> aiosqlite.Connection:
    options["check_same_thread"] = False
    connection = aiosqlite.connect(*arguments, **options)
    connection._thread.daemon = True
    queue: Any = WorkQueue(connection._tx, is_brief)
    connection._tx = queue
    return connection
