"""User state in Redis: what a recommendation needs of its user, in one trip.

Two keys per user, both named by a hash of the user id (no personal data in keys):

    tf:{hash}:state    a `UserState`, or a bare floor: "nothing older than this may be stored"
    tf:{hash}:vector   a posted `UserVector`

A state is stored only over an older one. Without that rule a reader which was slow to rebuild a
state would undo a newer event, or bring back a user who was erased meanwhile.
"""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass

from redis.asyncio import Redis

from app.cache.connection import Cache, CacheDown
from app.cache.scripts import STORE_STATE, STORE_VECTOR
from app.cache.user_codec import (
    Stamp,
    UserState,
    UserVector,
    decode_state,
    decode_vector,
    encode_floor,
    encode_state,
    encode_vector,
)

# What a worker remembers of an outage: 10,000 keys are about 1 MB. Beyond that it forgets all.
DIRTY_MAX = 10_000
SETTLE_PAUSE_S = 1.0
SCAN_COUNT = 1000


@dataclass(frozen=True)
class CachedUser:
    """What the cache holds of one user; None is a miss."""

    state: UserState | None
    vector: UserVector | None


class UserStates:
    """Reads and writes user state; every method may raise `CacheDown`."""

    def __init__(self, cache: Cache, ttl_s: float) -> None:
        self._cache = cache
        self._ttl_ms = max(1, round(ttl_s * 1000))
        self._store_state = cache.redis.register_script(STORE_STATE)
        self._store_vector = cache.redis.register_script(STORE_VECTOR)
        self._dirty: dict[str, Stamp | None] = {}
        self._lost_count = False
        self._settling: asyncio.Task[None] | None = None

    async def get(self, user_id: str) -> CachedUser:
        """State and posted vector, in one exchange. Bytes that are not ours are a miss."""
        name = await self._settled(user_id)
        state, vector = await self._cache.call(lambda redis: redis.mget(_keys(name)))
        return CachedUser(decode_state(state), decode_vector(vector))

    async def put(self, user_id: str, state: UserState) -> bool:
        """Store a state unless a newer one is there; False when one was.

        A posted vector stays only while its user is in mode `vector`.
        """
        name = await self._settled(user_id)
        return await self._put(name, encode_state(state), drop_vector=state.mode != "vector")

    async def put_vector(
        self, user_id: str, vector: UserVector, stamp: Stamp, ttl_s: float
    ) -> bool:
        """Store a posted vector; False when the user changed after `stamp` was read."""
        keys = _keys(await self._settled(user_id))
        ttl_ms = max(1, round(ttl_s * 1000))
        arguments: list[bytes | int] = [encode_floor(stamp), encode_vector(vector), ttl_ms]
        stored = await self._cache.call(lambda _: self._store_vector(keys, arguments))
        return bool(stored)

    async def forget(self, user_id: str, erased_at: float) -> None:
        """Drop everything of a user who was erased, and keep late writers of old state out.

        erased_at: Unix seconds, later than the user's creation; whoever is created under this id
        from then on is newer.
        """
        stamp = Stamp(erased_at, 0)
        try:
            await self._put(_hash(user_id), encode_floor(stamp), drop_vector=True)
        except CacheDown:
            self.remember_dirty(user_id, stamp)
            raise

    def remember_dirty(self, user_id: str, stamp: Stamp | None) -> None:
        """The cache may hold a state older than `stamp` (None: unknown); put that right later.

        Until then this worker neither reads nor writes the user's state.
        """
        name = _hash(user_id)
        if len(self._dirty) >= DIRTY_MAX:
            self._lost_count = True
            self._dirty.clear()
        known = self._dirty.get(name, stamp)
        self._dirty[name] = max(stamp, known) if stamp and known else None
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle_when_back())

    async def end(self) -> None:
        """Stop putting things right: the worker ends, and the time to live bounds the rest."""
        if self._settling is not None:
            self._settling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._settling

    @property
    def is_settled(self) -> bool:
        """Whether no outage has left anything to put right."""
        return not self._dirty and not self._lost_count

    async def _settled(self, user_id: str) -> str:
        """The user's key name, once nothing is left to put right behind it."""
        name = _hash(user_id)
        if self._lost_count:
            raise CacheDown
        if name in self._dirty:
            await self._settle_one(name)
        return name

    async def _settle_when_back(self) -> None:
        # Other workers read the same keys: they must not wait for this worker's next request.
        while not self.is_settled:
            await asyncio.sleep(SETTLE_PAUSE_S)
            with contextlib.suppress(CacheDown):
                await self._settle_all()

    async def _settle_all(self) -> None:
        if self._lost_count:
            await self._cache.call(_drop_all)
            self._lost_count = False
        for name in list(self._dirty):
            await self._settle_one(name)

    async def _settle_one(self, name: str) -> None:
        if name not in self._dirty:
            return
        stamp = self._dirty[name]
        if stamp is None:
            await self._cache.call(lambda redis: redis.unlink(*_keys(name)))
        else:
            await self._put(name, encode_floor(stamp), drop_vector=True)
        if self._dirty.get(name) == stamp:  # else it became dirty again meanwhile
            self._dirty.pop(name, None)

    async def _put(self, name: str, body: bytes, *, drop_vector: bool) -> bool:
        arguments: list[bytes | int] = [body, self._ttl_ms, int(drop_vector)]
        stored = await self._cache.call(lambda _: self._store_state(_keys(name), arguments))
        return bool(stored)


async def _drop_all(redis: Redis) -> None:
    async for key in redis.scan_iter(match="tf:{*", count=SCAN_COUNT):
        await redis.unlink(key)


def _hash(user_id: str) -> str:
    return hashlib.blake2b(user_id.encode(), digest_size=16).hexdigest()


def _keys(name: str) -> list[str]:
    # The braces put both keys into one slot of a cluster.
    return [f"tf:{{{name}}}:state", f"tf:{{{name}}}:vector"]
