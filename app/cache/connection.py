"""Redis behind a circuit breaker: a dead cache costs one short wait, not one per request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import Clock

T = TypeVar("T")

REST_S = 1.0


class CacheDown(Exception):
    """The cache did not answer in time; carry on without it."""


class Cache:
    """`await cache.call(lambda redis: redis.get(key))`, or CacheDown.

    After a failure the cache is left alone for REST_S, so that requests do not queue on time-outs.
    """

    def __init__(self, url: str, timeout_s: float, clock: Clock) -> None:
        self.redis: Redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=3
        )
        self._timeout_s = timeout_s
        self._clock = clock
        self._rest_until = 0.0

    async def call(self, run: Callable[[Redis], Awaitable[T]]) -> T:
        """One exchange with Redis.

        Raises: CacheDown when it is away, silent or refuses (out of memory, loading).
        """
        if self._clock() < self._rest_until:
            raise CacheDown
        try:
            async with asyncio.timeout(2 * self._timeout_s):
                return await run(self.redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._rest_until = self._clock() + REST_S
            raise CacheDown from error

    async def is_up(self) -> bool:
        """Whether Redis answers a ping now."""
        try:
            return bool(await self.call(_ping))
        except CacheDown:
            return False

    async def close(self) -> None:
        """Close every connection."""
        await self.redis.aclose()


def _ping(redis: Redis) -> Awaitable[Any]:
    answer: Awaitable[Any] = redis.ping()
    return answer
