"""Numbers as the report writes them; what is not known is a dash."""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

NOTHING = "\u2013"
NO_BREAK = "\u00a0"


def known(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def decimal(value: Any, digits: int = 4) -> str:
    """A metric. From ten on, two decimals are enough."""
    if not known(value):
        return NOTHING
    return minus(f"{value:.{digits if abs(value) < 10 else min(digits, 2)}f}")


def whole(value: Any) -> str:
    """A count."""
    return f"{round(value):,}" if known(value) else NOTHING


def percent(value: Any, digits: int = 1) -> str:
    """A share of 1 as percent."""
    return f"{minus(f'{100 * value:.{digits}f}')}{NO_BREAK}%" if known(value) else NOTHING


def signed(value: Any, digits: int = 3) -> str:
    """A gain or loss."""
    return minus(f"{value:+.{digits}f}") if known(value) else NOTHING


def ratio(value: Any) -> str:
    """Two decimals; more where two would hide on which side of 1 it lies."""
    if not known(value):
        return NOTHING
    digits = next((d for d in (2, 3, 4) if value == 1 or round(value, d) != 1), 5)
    return f"{value:.{digits}f}"


def bounds(value: Mapping[str, Any], digits: int = 4) -> str:
    """[low, high], or nothing where there is no interval."""
    if not has_interval(value):
        return ""
    return f"[{decimal(value['low'], digits)}, {decimal(value['high'], digits)}]"


def interval(value: Mapping[str, Any], digits: int = 4) -> str:
    """0.1187 [0.1081, 0.1301]."""
    return f"{decimal(value.get('mean'), digits)} {bounds(value, digits)}".strip()


def ratio_interval(value: Mapping[str, Any]) -> str:
    """1.65 [1.45, 1.90]."""
    written = ratio(value.get("mean"))
    if has_interval(value):
        written += f" [{ratio(value['low'])}, {ratio(value['high'])}]"
    return written


def has_interval(value: Mapping[str, Any]) -> bool:
    """Whether both ends are known."""
    return known(value.get("low")) and known(value.get("high"))


def seconds(value: Any) -> str:
    """CPU time: 8.4 s, 214 s, 36 min."""
    if not known(value):
        return NOTHING
    if value < 600:
        return f"{value:.{1 if value < 100 else 0}f}{NO_BREAK}s"
    return f"{value / 60:,.0f}{NO_BREAK}min"


def minus(text: str) -> str:
    """A minus sign in place of the hyphen."""
    return text.replace("-", "\u2212")


def percent_interval(value: Mapping[str, Any], digits: int = 1) -> str:
    """15.2 % [10.9, 19.8]."""
    written = percent(value.get("mean"), digits)
    if has_interval(value):
        low, high = (minus(f"{100 * value[key]:.{digits}f}") for key in ("low", "high"))
        written += f" [{low}, {high}]"
    return written
