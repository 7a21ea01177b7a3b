"""The formats read a second time, from their description alone, for the checkers."""

import hashlib
import hmac
import json
import struct
from functools import lru_cache
from typing import Any

import numpy as np

NO_CHAIN = "sha256:" + "0" * 64


def sha256(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def read_record(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return found


def chain(parent_chain: str, record: bytes) -> str:
    """The chain digest: of a label, the parent's chain and the record's digest."""
    label = b"twofold/chain/1"
    return sha256(label + bytes.fromhex(parent_chain[7:]) + hashlib.sha256(record).digest())


def member_names(round_id: int, accounts: list[int]) -> list[str]:
    """The members as a record lists them."""
    salt = hashlib.sha256(b"simulated members of round %d" % round_id).digest()
    found = {hmac.new(salt, b"%d" % account, hashlib.sha256).hexdigest() for account in accounts}
    return sorted("sha256:" + name for name in found)


def read_sums(body: bytes) -> dict[int, np.ndarray[Any, Any]]:
    """Staleness -> summed words, int32."""
    n_sums, at, found = struct.unpack_from("<H", body, 6)[0], 8, {}
    for _ in range(n_sums):
        staleness, size = struct.unpack_from("<IQ", body, at)
        found[staleness] = np.frombuffer(body[at + 12 + 16 : at + 12 + size], "<i4")
        at += 12 + size
    return found


@lru_cache(maxsize=512)
def one_hot_digest(plan_digest: str, n_words: int, place: int) -> str:
    """The digest of the update that has a one at `place` and nothing else."""
    words = [0] * n_words
    words[place] = 1
    header = b"2FUP" + struct.pack("<HH", 1, 0) + bytes.fromhex(plan_digest[7:])
    return sha256(header + struct.pack(f"<I{n_words}i", n_words, *words))


def noise(seed: bytes, n_words: int) -> np.ndarray[Any, Any]:
    """Per word the ones of four bytes less the ones of the next four, of an HMAC stream."""
    label, stream, counter = b"twofold/noise/1", b"", 0
    while len(stream) < 8 * n_words:
        message = label + struct.pack("<Q", counter)
        stream += hmac.new(seed, message, hashlib.sha256).digest()
        counter += 1
    pairs = struct.iter_unpack(">II", stream[: 8 * n_words])
    return np.array([a.bit_count() - b.bit_count() for a, b in pairs], np.int64)
