"""Random numbers that depend on a seed and a place alone, for many devices at once.

A device draws the cuts of a step from one 64-bit seed. Each number is a hash of that seed and of
where it is used (which stream, cut and event), so a batch of devices draws exactly what each of
them would draw alone, whatever the others do and however their histories are padded.

The hash is SplitMix64's finaliser over a Weyl sequence: Steele, Lea and Flood 2014, Fast Splittable
Pseudorandom Number Generators, https://doi.org/10.1145/2660193.2660195, figure 16. It is no cipher:
what is drawn here decides what is trained on, and hides nothing.
"""

import numpy as np
import numpy.typing as npt

from recsys.arrays import Floats, Ints

Seeds = npt.NDArray[np.uint64]

# Streams: numbers for different purposes never share a place.
POINTS, KEPT, SIZES, PLACES, VECTOR = range(5)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_STREAM_SHIFT, _CUT_SHIFT = np.uint64(56), np.uint64(32)


def draw_seeds(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Seeds:
    """Fresh seeds in the given shape, uint64."""
    return rng.integers(0, 2**64, size=shape, dtype=np.uint64)


def hashed(seeds: Seeds, places: Seeds) -> Seeds:
    """A hash of every (seed, place) pair; the two shapes are broadcast."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is the point
        mixed = seeds + (places + np.uint64(1)) * _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    found: Seeds = mixed ^ (mixed >> np.uint64(31))
    return found


def uniforms(seeds: Seeds, stream: int, n_cuts: int, n: int | None = None) -> Floats:
    """Numbers in [0, 1) for b devices: (b, n_cuts), or (b, n_cuts, n); seeds: (b,)."""
    if n is not None:
        return uniforms_at(seeds, stream, n_cuts, np.arange(n)[None])
    return uniforms_at(seeds, stream, n_cuts, np.zeros((1, 1), np.int64))[:, :, 0]


def uniforms_at(seeds: Seeds, stream: int, n_cuts: int, places: Ints) -> Floats:
    """Numbers in [0, 1), equal where the place is equal: (b, n_cuts, n).

    seeds: (b,); places: (b, n) or (1, n), each in [0, 2^32).
    """
    cuts = np.arange(n_cuts).astype(np.uint64)[None, :, None] << _CUT_SHIFT
    at = (np.uint64(stream) << _STREAM_SHIFT) | cuts | places[:, None, :].astype(np.uint64)
    # Two rounds: seeds that are neighbours must not give streams that are shifts of each other.
    start = hashed(seeds, np.zeros(1, np.uint64))[:, None, None]
    return (hashed(start, at) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def vector_scales(seeds: Seeds, n_cuts: int, dim: int, dropout: float) -> Floats | None:
    """What each coordinate of a cut's user vector is multiplied with: 0, or 1 / (1 - dropout).

    (b, n_cuts, dim) float32; None without dropout. Srivastava et al. 2014, section 4.
    """
    if dropout == 0:
        return None
    kept = uniforms(seeds, VECTOR, n_cuts, dim) >= dropout
    return (kept / (1 - dropout)).astype(np.float32)
