"""Pace steering: when a device should check in again.

If N devices are active and rounds need R check-ins per second, each device should come once in
N / R seconds on average. The answer is a window around that mean, and each device draws its own
moment from it: devices that were told the same thing do not come back as one herd. Whoever can get
nothing more from the round that is open is told a window behind its expected end instead.
"""

import math

WINDOW = (0.8, 1.2)
# Ends are estimates: who has to wait longer for one is spread over more.
END_SPREAD = 0.2
RETURN_BOUNDS_S = (60.0, 86400.0)


def return_window(
    active_devices: float, demand_per_s: float, bounds: tuple[float, float] = RETURN_BOUNDS_S
) -> tuple[float, float]:
    """(after_s, before_s): the window, in seconds from now, in which to check in again.

    active_devices: how many take part. demand_per_s: check-ins per second that rounds need; without
    any demand the window is the latest. bounds: least and most seconds. The window always keeps a
    width, except where the bounds themselves leave none.
    """
    least_s, most_s = bounds
    if not 0 <= least_s <= most_s or active_devices < 0 or demand_per_s < 0:
        raise ValueError("0 <= least <= most, and counts that are not negative, are required")
    mean_s = active_devices / demand_per_s if demand_per_s > 0 else most_s
    mean_s = min(max(mean_s, least_s), most_s)
    after_s, before_s = WINDOW[0] * mean_s, WINDOW[1] * mean_s
    return max(after_s, least_s), min(before_s, most_s)


def expected_end_s(
    missing: int, accepted: int, elapsed_s: float, left_s: float, usual_per_s: float
) -> float:
    """Seconds until a round reaches its target, at most the `left_s` to its deadline.

    missing: updates to the target; accepted: those of its first `elapsed_s` seconds. usual_per_s:
    updates per second of earlier rounds, which counts as much as one update does (the mean of a
    Gamma-distributed rate): it matters at the opening, and soon the round speaks for itself.
    """
    if min(missing, accepted, elapsed_s, left_s) < 0 or not usual_per_s > 0:
        raise ValueError("counts and times must not be negative, usual_per_s must be positive")
    per_s = (accepted + 1) / (elapsed_s + 1 / usual_per_s)
    return min(missing / per_s, left_s)


def window_behind(
    window: tuple[float, float], end_s: float, bounds: tuple[float, float] = RETURN_BOUNDS_S
) -> tuple[float, float]:
    """(after_s, before_s): the window, moved so that it begins no earlier than in `end_s` seconds.

    It keeps its width at least, and the bounds.
    """
    least_s, most_s = bounds
    if not 0 <= least_s <= most_s or end_s < 0:
        raise ValueError("0 <= least <= most, and an end that is not past, are required")
    after_s, before_s = window
    latest_s = max(after_s, WINDOW[0] * most_s)
    moved_s = min(max(after_s, end_s), latest_s)
    width_s = max(before_s - after_s, END_SPREAD * moved_s)
    return moved_s, min(max(before_s, moved_s + width_s), most_s)


def demand_per_s(invitations: int, round_s: float) -> float:
    """Check-ins per second that rounds of `invitations` leases every `round_s` seconds need."""
    if invitations < 0 or not round_s > 0:
        raise ValueError("invitations must not be negative and round_s must be positive")
    return invitations / round_s


def learn_arrival_rate(
    rate_per_s: float, count: int, elapsed_s: float, half_life_s: float = 600.0
) -> float:
    """The arrival rate after `count` check-ins in the last `elapsed_s` seconds.

    An exponential average over time: what lies `half_life_s` back weighs half. Splitting an
    interval of steady arrivals into parts leaves the estimate unchanged.
    """
    if rate_per_s < 0 or count < 0 or not elapsed_s > 0 or not half_life_s > 0:
        raise ValueError("rate and count must not be negative, times must be positive")
    kept = math.pow(0.5, elapsed_s / half_life_s)
    return kept * rate_per_s + (1 - kept) * count / elapsed_s


def active_devices(arrivals_per_s: float, told_delay_s: float) -> float:
    """How many devices take part, by Little's law: arrivals per second x the delay told."""
    if arrivals_per_s < 0 or told_delay_s < 0:
        raise ValueError("rate and delay must not be negative")
    return arrivals_per_s * told_delay_s
