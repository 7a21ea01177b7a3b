"""The block: which item rows a round trains.

Equal for all devices of a round and drawn from public facts alone (the live rows, the popular core,
the round's number), so the choice says nothing about any user.
"""

import hmac

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LABEL = b"twofold/block/1"

Rows = npt.NDArray[np.int64]


def choose_block(
    live_rows: Rows, core_rows: Rows, block_max: int, round_number: int, key: bytes
) -> Rows:
    """The rows that round `round_number` trains, sorted, at most `block_max`.

    live_rows, core_rows: (n,) int64; core rows that are not live are left out. All live rows, if
    they fit. Otherwise the core and a slice of the rest: slices follow one keyed order around, so
    that ceil(rest / slice) rounds in a row cover every live row, and a block has block_max rows.
    ValueError if the core leaves no room for a slice.
    """
    live = _ascending(np.asarray(live_rows, dtype=np.int64))
    if live.size <= block_max:
        return live
    in_core = np.isin(live, core_rows)
    core, rest = live[in_core], live[~in_core]
    n_slice = block_max - core.size
    if n_slice < 1 or round_number < 0:
        raise ValueError("block_max must exceed the core, round_number must not be negative")
    order = rest[np.argsort(keyed_tags(rest, key), kind="stable")]
    n_slices = -(-rest.size // n_slice)
    start = (round_number % n_slices) * n_slice
    # The last slice wraps to the beginning: uploads keep one size.
    rotating = order[(start + np.arange(n_slice)) % rest.size]
    return np.sort(np.concatenate([core, rotating]))


def _ascending(rows: Rows) -> Rows:
    """The distinct rows, sorted; several times as fast as np.unique on a million."""
    ordered: Rows = np.sort(rows)
    distinct: Rows = ordered[np.diff(ordered, prepend=-1) != 0]
    return distinct


def keyed_tags(rows: Rows, key: bytes) -> npt.NDArray[np.uint64]:
    """(n,) uint64, a pseudo-random tag for every row: AES_k(row), first half.

    One call encrypts all rows as single blocks, which takes milliseconds for a million rows. AES as
    a permutation of block numbers is what is wanted here; nothing is kept secret by it.
    """
    block_key = hmac.digest(key, LABEL, "sha256")[:16]
    plain = np.zeros((rows.size, 2), dtype="<u8")
    plain[:, 0] = rows.astype(np.uint64)
    encryptor = Cipher(algorithms.AES(block_key), modes.ECB()).encryptor()
    sealed = encryptor.update(plain.tobytes()) + encryptor.finalize()
    return np.frombuffer(sealed, dtype="<u8")[::2].astype(np.uint64)


def block_bytes(block: Rows) -> bytes:
    """The block as the plan's digest sees it: int64 little-endian."""
    return np.asarray(block, dtype="<i8").tobytes()
