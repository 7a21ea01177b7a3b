"""Pace steering: when a device should check in again.

If N devices are active and rounds need R check-ins per second, each device should come once in
N / R seconds on average. The answer is a window around that mean, and each device draws its own
moment from it: devices that were told the same thing do not come back as one herd.
"""

import math

WINDOW = (0.8, 1.2)
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
