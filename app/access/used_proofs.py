"""Each proof counts once: in all workers, and whatever becomes of Redis.

The proofs that were used with nonces of one window are the fields of one hash in Redis, and so is
that window's epoch, which the nonces name. Whatever loses the memory loses the epoch with it: a
flush, an eviction, a restart. Then a new epoch begins, and no proof from before is accepted. A
server that comes back with an older copy of its memory, or a replica that takes over, has another
run id, and its epochs are void as well.

While Redis is away each worker has an epoch and a memory of its own. Nonces of either kind are void
with the other, so that nothing used on one side is new on the other.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.access.nonces import WINDOW_S, Nonces, Stamp, window_at
from app.cache.connection import Cache, CacheDown
from app.cache.scripts import ADMIT_PROOF

# Nonces of a window are good in it and the next; a third is for clocks that differ.
MEMORY_S = 3 * WINDOW_S
LOCAL_PROOFS_MAX = 100_000
PROOF_ID_BYTES = 16

Fate = Literal["new", "used", "void"]


@dataclass(frozen=True)
class Admission:
    """fate: "void" if the proof's nonce is not good any more. nonce: the one to use from now on."""

    fate: Fate
    nonce: str


class UsedProofs:
    """The memory of used proofs. new_epoch: fresh random bytes."""

    def __init__(self, cache: Cache, nonces: Nonces, new_epoch: Callable[[], bytes]) -> None:
        self._cache = cache
        self._nonces = nonces
        self._new_epoch = new_epoch
        self._local = LocalProofs(new_epoch)
        self._script = cache.redis.register_script(ADMIT_PROOF)

    async def admit(self, thumbprint: str, jti: str, nonce: str, now: float) -> Admission:
        """Use a proof that verified; one exchange with Redis."""
        stamp, window = self._nonces.read(nonce, now), window_at(now)
        named = f"{thumbprint}.{jti}".encode()
        proof_id = hashlib.sha256(named).digest()[:PROOF_ID_BYTES]
        try:
            epoch, fate = await self._ask_redis(window, stamp, proof_id)
        except CacheDown:
            epoch, fate = self._local.admit(window, stamp, proof_id)
        return Admission(fate, self._nonces.make(Stamp(window, epoch)))

    async def fresh_nonce(self, now: float) -> str:
        """A nonce for a device that has none yet."""
        return (await self.admit("", "", "", now)).nonce

    async def _ask_redis(
        self, window: int, stamp: Stamp | None, proof_id: bytes
    ) -> tuple[bytes, Fate]:
        keys = [_key(window)] if stamp is None else [_key(window), _key(stamp.window)]
        epoch = b"" if stamp is None else stamp.epoch
        arguments: list[bytes | int] = [self._new_epoch(), MEMORY_S, epoch, proof_id]
        answer = await self._cache.call(lambda _: self._script(keys, arguments))
        fates: dict[bytes, Fate] = {b"new": "new", b"used": "used", b"void": "void"}
        return answer[0], fates[answer[1]]


def _key(window: int) -> str:
    # The braces put both keys of one exchange into one slot of a cluster.
    return f"tf:{{proofs}}:{window}"


class LocalProofs:
    """What one worker remembers while Redis is away: no more than LOCAL_PROOFS_MAX proofs."""

    def __init__(self, new_epoch: Callable[[], bytes]) -> None:
        self._new_epoch = new_epoch
        self._epoch = new_epoch()
        self._used: dict[int, set[bytes]] = {}

    def admit(self, window: int, stamp: Stamp | None, proof_id: bytes) -> tuple[bytes, Fate]:
        """The worker's epoch, and what it makes of the proof."""
        self._forget(window)
        if stamp is None or stamp.epoch != self._epoch:
            return self._epoch, "void"
        used = self._used.setdefault(stamp.window, set())
        if proof_id in used:
            return self._epoch, "used"
        used.add(proof_id)
        return self._epoch, "new"

    def _forget(self, window: int) -> None:
        """Drop what no nonce vouches for any more; when full, everything, with the epoch."""
        for old in [old for old in self._used if old < window - 1]:
            del self._used[old]
        if sum(map(len, self._used.values())) >= LOCAL_PROOFS_MAX:
            self._epoch = self._new_epoch()
            self._used.clear()
