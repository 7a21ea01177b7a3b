"""Sealed noise: refused without a proper seed, the same for one seed, and as wide as it says."""

import numpy as np
import pytest

from federation.sealed_noise import BITS, VARIANCE, sealed_noise

SEED = bytes(range(32))
KNOWN = [2, -3, 4, -4, 5, -1, 5, 0]


@pytest.mark.parametrize("seed", [b"", SEED[:-1], SEED + b"\0"])
def test_a_seed_of_another_length_is_refused(seed: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sealed_noise(seed, 4)


def test_no_words_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        sealed_noise(SEED, 0)


def test_one_seed_gives_one_noise_for_ever() -> None:
    assert sealed_noise(SEED, 8).tolist() == KNOWN
    assert sealed_noise(SEED, 300)[:8].tolist() == KNOWN


def test_another_seed_gives_unrelated_noise() -> None:
    a, b = sealed_noise(SEED, 4096), sealed_noise(SEED[::-1], 4096)
    assert abs(float(np.corrcoef(a, b)[0, 1])) < 0.06


def test_mean_and_variance_are_those_of_the_centred_binomial() -> None:
    noise = sealed_noise(SEED, 40_000)
    assert abs(float(noise.mean())) < 5 * (VARIANCE / 40_000) ** 0.5
    assert abs(float(noise.var()) / VARIANCE - 1) < 0.04
    assert int(np.abs(noise).max()) <= BITS
