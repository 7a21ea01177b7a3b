import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.pace import (
    RETURN_BOUNDS_S,
    active_devices,
    demand_per_s,
    expected_end_s,
    learn_arrival_rate,
    return_window,
    window_behind,
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


@pytest.mark.parametrize(
    ("missing", "accepted", "elapsed_s", "left_s", "usual_per_s"),
    [(-1, 1, 1, 1, 1), (1, -1, 1, 1, 1), (1, 1, -1, 1, 1), (1, 1, 1, -1, 1), (1, 1, 1, 1, 0)],
)
def test_ends_out_of_range(
    missing: int, accepted: int, elapsed_s: float, left_s: float, usual_per_s: float
) -> None:
    with pytest.raises(ValueError, match="must"):
        expected_end_s(missing, accepted, elapsed_s, left_s, usual_per_s)


def test_a_window_behind_what_is_past() -> None:
    for end_s, bounds in ((-1.0, (1.0, 2.0)), (1.0, (2.0, 1.0))):
        with pytest.raises(ValueError, match="required"):
            window_behind((1.0, 2.0), end_s, bounds)


def test_an_end_is_that_of_the_rate_so_far_or_the_deadline() -> None:
    assert expected_end_s(50, 49, 95.0, 600.0, 0.2) == pytest.approx(100.0)
    assert expected_end_s(50, 49, 95.0, 60.0, 0.2) == 60.0
    assert expected_end_s(0, 100, 95.0, 60.0, 0.2) == 0.0


def test_before_the_first_update_a_round_is_expected_to_go_as_usual() -> None:
    assert expected_end_s(100, 0, 0.0, 600.0, 0.5) == 200.0
    # Silence is evidence as well: of five expected updates none came.
    assert expected_end_s(100, 0, 10.0, 9000.0, 0.5) == 1200.0


@given(
    end_s=st.floats(0, 1e6),
    after_s=st.floats(1, 1e4),
    ratio=st.floats(1.01, 3),
    most_s=st.floats(1e5, 1e6),
)
def test_a_window_behind_an_end_keeps_its_width_and_the_bounds(
    end_s: float, after_s: float, ratio: float, most_s: float
) -> None:
    window = (after_s, after_s * ratio)
    moved = window_behind(window, end_s, (1.0, most_s))
    assert moved[0] >= min(max(end_s, after_s), 0.8 * most_s)
    assert 1.0 <= moved[0] < moved[1] <= most_s
    if moved[1] < most_s:
        assert moved[1] - moved[0] >= (1 - 1e-9) * (window[1] - window[0])


def test_a_window_that_lies_behind_the_end_stays_as_it_is() -> None:
    assert window_behind((60.0, 90.0), 10.0) == (60.0, 90.0)


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
