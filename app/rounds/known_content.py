"""Plans and catalogue digests by content digest: what a digest names never changes."""

import json
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.rounds import repository
from federation.plan import Plan

T = TypeVar("T")
KEPT_MAX = 64


class KnownContent(Generic[T]):
    """A bounded memory of immutable values, keyed by digest."""

    def __init__(self) -> None:
        self._kept: dict[str, T] = {}

    async def get(self, digest: str, load: Callable[[], Awaitable[T]]) -> T:
        """The value; loaded once while it is remembered."""
        if digest not in self._kept:
            value = await load()
            if len(self._kept) >= KEPT_MAX:
                self._kept.pop(next(iter(self._kept)))
            self._kept[digest] = value
        return self._kept[digest]


_plans: KnownContent[Plan] = KnownContent()
_catalogues: KnownContent[str] = KnownContent()


async def plan_of(connection: AsyncConnection, digest: str) -> Plan:
    """The plan with this digest."""

    async def load() -> Plan:
        return Plan.from_json(await repository.plan_body(connection, digest))

    return await _plans.get(digest, load)


async def catalogue_of(connection: AsyncConnection, version: int, manifest_digest: str) -> str:
    """Digest of the id-to-row map of a model version."""

    async def load() -> str:
        body = await repository.manifest_body(connection, version)
        assert body is not None, "a version is never deleted"
        return str(json.loads(body)["catalogue"]["digest"])

    return await _catalogues.get(manifest_digest, load)
