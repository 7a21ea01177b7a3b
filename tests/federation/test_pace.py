import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.pace import (
    RETURN_BOUNDS_S,
    active_devices,
    demand_per_s,
    learn_arrival_rate,
    return_window,
)

positive = st.floats(1e-6, 1e9)


@pytest.mark.parametrize(
    ("active", "demand", "bounds"),
    [(-1, 1, (1, 2)), (1, -1, (1, 2)), (1, 1, (2, 1)), (1, 1, (-1, 1))],
)
def test_out_of_range(active: float, demand: float, bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="required"):
        return_window(active, demand, bounds)


def test_rates_out_of_range() -> None:
    with pytest.raises(ValueError, match="positive"):
        learn_arrival_rate(1.0, 1, 0.0)
    with pytest.raises(ValueError, match="positive"):
        demand_per_s(5, 0.0)
    with pytest.raises(ValueError, match="negative"):
        active_devices(-1.0, 5.0)


def test_mean_delay_is_devices_per_demand() -> None:
    assert return_window(10_000, 10) == (800.0, 1200.0)


def test_no_demand_means_the_latest() -> None:
    assert return_window(100, 0, (60, 1000)) == (800.0, 1000)


@given(active=st.floats(0, 1e9), demand=st.floats(0, 1e6), low=positive, ratio=st.floats(1.01, 1e4))
def test_window_lies_in_bounds_and_keeps_a_width(
    active: float, demand: float, low: float, ratio: float
) -> None:
    after_s, before_s = return_window(active, demand, (low, low * ratio))
    assert low <= after_s < before_s <= low * ratio


def test_default_bounds_never_send_a_herd() -> None:
    for active in (0, 1, 10**3, 10**9):
        after_s, before_s = return_window(active, 1.0)
        assert before_s - after_s >= 12
        assert RETURN_BOUNDS_S[0] <= after_s <= before_s <= RETURN_BOUNDS_S[1]


def test_steady_arrivals_are_measured_however_they_are_cut() -> None:
    whole = learn_arrival_rate(5.0, 2000, 1000.0)
    parts = 5.0
    for _ in range(100):
        parts = learn_arrival_rate(parts, 20, 10.0)
    assert parts == pytest.approx(whole)
    assert learn_arrival_rate(5.0, 0, 600.0) == pytest.approx(2.5)


def test_pacing_settles_where_arrivals_meet_demand() -> None:
    """A closed loop: the true number of devices is unknown to the server, which only counts."""
    devices, demand, delay_s, rate = 5000, demand_per_s(130, 60.0), 60.0, 0.0
    for _ in range(300):
        rate = learn_arrival_rate(rate, round(devices / delay_s * 60), 60.0, half_life_s=60.0)
        after_s, before_s = return_window(active_devices(rate, delay_s), demand)
        delay_s = (after_s + before_s) / 2
    assert devices / delay_s == pytest.approx(demand, rel=0.05)
