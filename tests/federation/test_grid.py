import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from federation.grid import Grid, from_sum, to_words

GRID = Grid(clip_l2=2.0, levels=1000, metric_max=(1.0, 16.0))
NO_METRICS = np.zeros(2)

vectors = hnp.arrays(
    np.float32, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_words(np.array([1.0, value], np.float32), NO_METRICS, GRID)
    with pytest.raises(ValueError, match="finite"):
        to_words(np.ones(2, np.float32), np.array([value, 0.0]), GRID)


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="vector"):
        to_words(np.ones((2, 2), np.float32), NO_METRICS, GRID)
    with pytest.raises(ValueError, match="metrics"):
        to_words(np.ones(2, np.float32), np.zeros(3), GRID)
    with pytest.raises(ValueError, match="words"):
        from_sum(np.zeros(1, np.int64), 1, GRID)


@pytest.mark.parametrize("n", [0, -1, float("nan")])
def test_nothing_to_divide_by(n: float) -> None:
    with pytest.raises(ValueError, match="n:"):
        from_sum(np.zeros(5, np.int64), n, GRID)


def test_known_words() -> None:
    vector = np.array([0.001, 0.003, -0.003, 0.0, 1.0, -0.0049], np.float32)
    words = to_words(vector, np.array([0.25, 32.0]), GRID)
    # step = 0.002; 0.5 and 1.5 steps (just off a tie in float32), then metrics at their bounds.
    assert words.tolist()[2:] == [round(float(vector[2]) / 0.002), 0, 500, -2, 250, 1000]
    assert words.dtype == np.int32


def test_ties_go_to_even() -> None:
    grid = Grid(clip_l2=8.0, levels=8, metric_max=())
    vector = np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)
    assert to_words(vector, np.zeros(0), grid).tolist() == [0, 2, 2, 0, -2]


def test_a_vector_just_over_the_clip_is_scaled_to_it() -> None:
    grid = Grid(clip_l2=5.0, levels=1_000_000, metric_max=())
    words = to_words(np.array([3.003, 4.004], np.float32), np.zeros(0), grid)
    assert words.tolist() == [600_000, 800_000]


def test_metrics_are_clamped() -> None:
    words = to_words(np.zeros(1, np.float32), np.array([-3.0, 1e300]), GRID)
    assert words.tolist() == [0, 0, 1000]


@given(vectors)
def test_every_update_keeps_the_bounds_that_the_server_checks(vector: np.ndarray) -> None:
    values = to_words(vector, NO_METRICS, GRID)[:-2].astype(np.int64)
    assert np.abs(values).max() <= GRID.levels
    assert np.sqrt(float(values @ values)) <= GRID.norm_limit(values.size)


@given(vectors)
def test_a_short_vector_returns_within_half_a_step(vector: np.ndarray) -> None:
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    short = (vector / max(1.0, norm)).astype(np.float32)
    mean, _ = from_sum(to_words(short, NO_METRICS, GRID).astype(np.int64), 1, GRID)
    assert np.abs(mean.astype(np.float64) - short).max() <= 0.5 * GRID.step * 1.0001


@given(vectors)
def test_a_long_vector_keeps_its_direction(vector: np.ndarray) -> None:
    exact = vector.astype(np.float64)
    norm = float(np.linalg.norm(exact))
    if norm <= GRID.clip_l2:
        return
    mean, _ = from_sum(to_words(vector, NO_METRICS, GRID).astype(np.int64), 1, GRID)
    assert np.abs(mean - exact * GRID.clip_l2 / norm).max() <= 0.5 * GRID.step * 1.0001


def test_mean_of_a_sum() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(6, 20)).astype(np.float32) * 0.1
    metrics = np.stack([rng.random(6), 16 * rng.random(6)], axis=1)
    total = sum(
        to_words(v, m, GRID).astype(np.int64) for v, m in zip(vectors, metrics, strict=True)
    )
    assert isinstance(total, np.ndarray)
    mean, measured = from_sum(total, 6, GRID)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, vectors.mean(axis=0), atol=GRID.step / 2)
    np.testing.assert_allclose(measured, metrics.mean(axis=0), atol=16 / 1000 / 2)
