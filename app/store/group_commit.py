"""Group commit: what is asked for while a transaction runs shares the next one.

A round is one row, and each of its steps a transaction that holds it. Step by step, a hundred
devices queue for the lock and for the disk; together they cost one lock, one save and one sync.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Problem
from app.store.database import Database

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")
Run = Callable[[AsyncConnection, Sequence[Ask]], Awaitable[Sequence[Answer | Problem]]]

GROUP_MAX = 64
_Waiting = tuple[Any, "asyncio.Future[Any]"]


class GroupCommits:
    """A queue of asks for each kind of transaction, worked off one group after another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queues: dict[str, list[_Waiting]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}

    async def submit(self, name: str, run: "Run[Ask, Answer]", ask: Ask) -> Answer:
        """Have `ask` answered, and what that changed committed, perhaps together with others.

        run: answers a group in order, in one transaction; as with `Database.transaction` it may be
        run again. A Problem as answer refuses one ask and leaves the others alone.
        Raises: the Problem; whatever the transaction raised.
        """
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(name, []).append((ask, answered))
        if name not in self._workers:
            self._workers[name] = asyncio.create_task(self._work_off(name, run))
        answer = await answered
        if isinstance(answer, Problem):
            raise answer
        return answer  # type: ignore[no-any-return]

    async def _work_off(self, name: str, run: "Run[Any, Any]") -> None:
        queue = self._queues[name]
        try:
            while queue:
                group = queue[:GROUP_MAX]
                del queue[:GROUP_MAX]
                await self._commit(name, run, group)
        finally:
            del self._workers[name]
            for _, answered in queue:
                answered.cancel()

    async def _commit(self, name: str, run: "Run[Any, Any]", group: list[_Waiting]) -> None:
        asks = [ask for ask, _ in group]
        try:
            answers = await self._database.transaction(name, lambda c: run(c, asks))
        except IntegrityError as error:
            if len(group) == 1:
                _settle(group, error)
            # Whose row it was that went nobody says: each of them on its own, then.
            else:
                for one in group:
                    await self._commit(name, run, [one])
        except Exception as error:
            _settle(group, error)
        except BaseException:  # the worker itself is being ended
            for _, answered in group:
                answered.cancel()
            raise
        else:
            for (_, answered), answer in zip(group, answers, strict=True):
                if not answered.done():
                    answered.set_result(answer)


def _settle(group: list[_Waiting], error: Exception) -> None:
    for _, answered in group:
        if not answered.done():  # its request may have been given up
            answered.set_exception(error)
