"""Draws by seed and place: even, independent, the same alone and in a batch, stable for ever."""

import numpy as np
import pytest

from recsys.draws import KEPT, POINTS, draw_seeds, hashed, uniforms, vector_scales


def test_the_hash_is_splitmix64() -> None:
    # The first outputs of the published generator for seed 1234567.
    seeds = np.array([1234567], np.uint64)
    found = hashed(seeds, np.arange(3, dtype=np.uint64))
    assert found.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_numbers_are_even_and_streams_are_their_own() -> None:
    seeds = np.arange(200, dtype=np.uint64)  # neighbours on purpose
    numbers = uniforms(seeds, KEPT, 5, 40)
    assert numbers.shape == (200, 5, 40)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert counts == pytest.approx(np.full(20, 2000), rel=0.1)
    assert len(np.unique(numbers)) == numbers.size
    between = np.corrcoef(numbers.reshape(200, -1)[:, :30].T)
    assert np.abs(between - np.eye(30)).max() < 0.35
    assert not np.isin(uniforms(seeds, POINTS, 5), numbers).any()


def test_a_device_draws_the_same_alone() -> None:
    seeds = draw_seeds(np.random.default_rng(0), 3)
    together = uniforms(seeds, KEPT, 2, 9)
    assert np.array_equal(uniforms(seeds[1:2], KEPT, 2, 4)[0], together[1, :, :4])


def test_scales_keep_the_mean() -> None:
    seeds = draw_seeds(np.random.default_rng(0), 50)
    scales = vector_scales(seeds, 4, 64, 0.25)
    assert scales is not None
    assert scales.dtype == np.float32
    assert set(np.unique(scales).tolist()) == {0.0, np.float32(1 / 0.75)}
    assert scales.mean() == pytest.approx(1, abs=0.02)
    assert vector_scales(seeds, 4, 64, 0.0) is None
