"""From values to pixels, and the round numbers that an axis is marked at."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """low..high on start..end; log: equal ratios are equally far (low > 0)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, self.low))
        share = (at - low) / (high - low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """At most so many round values within the scale."""
        if self.log:
            return _log_ticks(self.low, self.high, most)
        return _even_ticks(self.low, self.high, most)


def spanning(
    values: Iterable[float], keep: Iterable[float] = (), log: bool = False
) -> tuple[float, float]:
    """(low, high) around values with some air; `keep`: values that must lie within, without air."""
    found = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    kept = list(keep)
    low, high = (
        min(found, default=min(kept, default=1.0)),
        max(found, default=max(kept, default=1.0)),
    )
    if log:
        air = max((high / low) ** 0.06, 1.02)
        low, high = min([low / air, *kept]), max([high * air, *kept])
    else:
        air = 0.06 * (high - low) or abs(high) * 0.06 or 1.0
        low, high = min([low - air, *kept]), max([high + air, *kept])
    return low, high


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [round(k * step, 12) for k in range(first, last + 1)]
    return [low, high]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.2, 1.5, 2, 3, 4, 5, 7), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        values = [s * 10.0**p for p in powers for s in steps]
        within = [round(v, 12) for v in values if low * 0.999 <= v <= high * 1.001]
        if len(within) <= most:
            return within
    return [10.0**p for p in powers if low <= 10.0**p <= high][:: max(1, len(powers) // most)]


def tick_label(value: float) -> str:
    """The shortest form."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:g}".replace("-", "\u2212")
