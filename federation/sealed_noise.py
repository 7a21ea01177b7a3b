"""Integer noise from a sealed seed: whoever tries again adds the same noise, not another.

Noise that is drawn anew by every attempt is no noise: the mean of two releases of one sum has half
of its variance. So a round's seed is drawn once and recorded before its sum is known, and all noise
is a function of it. The words are centred binomial (Agarwal et al., cpSGD, NeurIPS 2018, section
2.3), bits counted and never a float, so that they are the same on every machine.
"""

import hmac
import struct

import numpy as np
import numpy.typing as npt

LABEL = b"twofold/noise/1"
SEED_BYTES = 32
# A word is the difference of two counts of so many bits: its variance is half of that.
BITS = 32
VARIANCE = BITS / 2
BLOCK_BYTES = 32


def sealed_noise(seed: bytes, n_words: int) -> npt.NDArray[np.int64]:
    """Noise of mean 0 and variance 16, (n_words,) int64 in [-32, 32].

    seed: 32 secret bytes, drawn once for one sum. ValueError for another length or n_words < 1.
    """
    if len(seed) != SEED_BYTES or n_words < 1:
        raise ValueError("seed must be 32 bytes and n_words positive")
    bits = np.unpackbits(np.frombuffer(_stream(seed, 2 * n_words * BITS // 8), dtype=np.uint8))
    counts = bits.reshape(n_words, 2, BITS).sum(axis=2, dtype=np.int64)
    noise: npt.NDArray[np.int64] = counts[:, 0] - counts[:, 1]
    return noise


def _stream(seed: bytes, n_bytes: int) -> bytes:
    """HMAC-SHA256 in counter mode (NIST SP 800-108, section 4.1)."""
    n_blocks = -(-n_bytes // BLOCK_BYTES)
    blocks = (hmac.digest(seed, LABEL + struct.pack("<Q", i), "sha256") for i in range(n_blocks))
    return b"".join(blocks)[:n_bytes]
