"""Keys seen a moment ago, so that a request does not cost a query."""

from app.access.repository import StoredKey
from app.clock import Clock

TTL_S = 5.0
KEYS_MAX = 1024


class KnownKeys:
    """Hash -> key for TTL_S. Revoking forgets here at once, in other replicas within TTL_S."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[bytes, tuple[float, StoredKey]] = {}

    def get(self, hashed: bytes) -> StoredKey | None:
        """The key, if it was verified less than TTL_S ago."""
        kept = self._kept.get(hashed)
        return kept[1] if kept and self._clock() < kept[0] else None

    def put(self, hashed: bytes, key: StoredKey) -> None:
        """Remember a verified key."""
        if len(self._kept) >= KEYS_MAX:
            self._kept.clear()
        self._kept[hashed] = (self._clock() + TTL_S, key)

    def forget(self) -> None:
        """Drop everything; the next request of each key asks the database."""
        self._kept.clear()
