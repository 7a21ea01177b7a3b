"""Requests of one device from assignment to receipt, counted in the cache.

It is a measurement, not a rule: when the cache is away an update is accepted without a count.
"""

from app.cache.connection import Cache, CacheDown

TTL_S = 86400

# Counting goes on only from a count that began with the assignment: a cache that was emptied in
# between must yield no count rather than one that is too low.
INCREMENT = "if redis.call('exists', KEYS[1]) == 1 then return redis.call('incr', KEYS[1]) end"


def _key(device_id: str) -> str:
    return f"tf:requests:{device_id}"


async def begin(cache: Cache, device_id: str) -> None:
    """The device was granted an assignment: its check-in is request one."""
    try:
        await cache.call(lambda redis: redis.set(_key(device_id), 1, ex=TTL_S))
    except CacheDown:
        return


async def add(cache: Cache, device_id: str) -> int | None:
    """One more request; the count so far, or None when nobody knows it."""
    try:
        count = await cache.call(lambda redis: redis.eval(INCREMENT, 1, _key(device_id)))
    except CacheDown:
        return None
    return None if count is None else int(count)
