"""Token buckets, one for each caller and route, kept by each worker for itself.

The generic cell rate algorithm (ITU-T I.371): a bucket is one number, the time at which it will be
full again, so that an untouched bucket need not be kept. No store is asked: a limit must hold just
when the stores are slow. With n workers behind a balancer a caller may have n times as much.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from app.clock import Clock
from app.settings import LimitSettings

BUCKETS_MAX = 100_000


@dataclass(frozen=True)
class Quota:
    """name: as the headers say it; per_s: requests a second in the long run; burst: at once."""

    name: str
    per_s: float
    burst: int


@dataclass(frozen=True)
class Standing:
    """A bucket after a request. left: requests that it still holds; full_in_s: when it is full.

    retry_after_s: None if the request was let through.
    """

    quota: Quota
    left: int
    full_in_s: float
    retry_after_s: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the request is one too many."""
        return self.retry_after_s is not None

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers)."""
        window_s = max(1, math.ceil(self.quota.burst / self.quota.per_s))
        policy = f'"{self.quota.name}";q={self.quota.burst};w={window_s}'
        limit = f'"{self.quota.name}";r={self.left};t={math.ceil(self.full_in_s)}'
        return {"RateLimit-Policy": policy, "RateLimit": limit}


class RateLimits:
    """The buckets of one worker."""

    def __init__(self, settings: LimitSettings, clock: Clock) -> None:
        self._quotas = {
            name: Quota(name, per_s, max(1, round(per_s * settings.burst_s)))
            for name, per_s in settings.per_s.items()
            if per_s > 0
        }
        self._clock = clock
        # Key -> when the bucket is full again; the one that was touched last stands last.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, quota_name: str, key: str) -> Standing | None:
        """Take one request out of the bucket; None where there is no limit."""
        quota = self._quotas.get(quota_name)
        return None if quota is None else self._standing(quota, f"{quota_name} {key}")

    def _standing(self, quota: Quota, key: str) -> Standing:
        now = self._clock()
        full_in_s = max(0.0, self._full_at.get(key, now) - now)
        # Rounded: a bucket of 20 that has refilled for exactly a second holds 20, not 19.999.
        held = round(quota.burst - full_in_s * quota.per_s, 6)
        if held < 1:
            retry_after_s = (1 - held) / quota.per_s
            return Standing(quota, 0, full_in_s, retry_after_s)
        full_in_s += 1 / quota.per_s
        self._keep(key, now + full_in_s)
        return Standing(quota, int(held) - 1, full_in_s)

    def _keep(self, key: str, full_at: float) -> None:
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        # Beyond the bound the bucket that was not touched for longest is taken for full.
        if len(self._full_at) > BUCKETS_MAX:
            self._full_at.popitem(last=False)
