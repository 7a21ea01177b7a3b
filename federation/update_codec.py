"""The wire layout of an update: a fixed header, then words. There is nothing to parse.

    offset  size  field
         0     4  magic, "2FUP"
         4     2  layout, u16 = 1
         6     2  flags, u16 = 0
         8    32  plan digest, the raw SHA-256
        40     4  n_words, u32
        44   4 n  words, int32

All numbers are little-endian. The length follows from the plan, so a server refuses a body by its
length before it reads it.
"""

import struct

import numpy as np
import numpy.typing as npt

from federation.canonical import PREFIX, raw_digest
from federation.refusals import Refusal

MAGIC = b"2FUP"
LAYOUT = 1
FLAGS = 0
HEADER = struct.Struct("<4sHH32sI")
HEADER_BYTES = HEADER.size
WORD_BYTES = 4


def update_bytes(n_words: int) -> int:
    """The length of an update of `n_words` words."""
    return HEADER_BYTES + WORD_BYTES * n_words


def encode(plan_digest: str, words: npt.NDArray[np.int32]) -> bytes:
    """The body of an update. words: (n_words,) int32; ValueError for another shape or type."""
    if words.ndim != 1 or words.dtype != np.int32:
        raise ValueError("words: must be (n_words,) int32")
    header = HEADER.pack(MAGIC, LAYOUT, FLAGS, raw_digest(plan_digest), words.shape[0])
    return header + words.astype("<i4", copy=False).tobytes()


def decode(body: bytes, plan_digest: str, n_words: int) -> npt.NDArray[np.int32] | Refusal:
    """The words of `body`, (n_words,) int32 and read-only, or why it is none of this plan's."""
    refusal = check_header(body, plan_digest, n_words)
    if refusal is not None:
        return refusal
    if len(body) != update_bytes(n_words):
        detail = f"{len(body)} bytes; an update of the plan has {update_bytes(n_words)}."
        return Refusal("wrong_length", detail)
    return np.frombuffer(body, dtype="<i4", offset=HEADER_BYTES).astype(np.int32, copy=False)


def check_header(body: bytes, plan_digest: str, n_words: int) -> Refusal | None:
    """Why `body` does not begin as an update of this plan does, or None."""
    if len(body) < HEADER_BYTES:
        return Refusal("wrong_length", f"{len(body)} bytes are less than a header.")
    magic, layout, flags, plan, counted = HEADER.unpack_from(body)
    if magic != MAGIC:
        return Refusal("bad_magic", "An update begins with 2FUP.")
    if (layout, flags) != (LAYOUT, FLAGS):
        return Refusal("wrong_layout", f"Layout {layout} with flags {flags} is unknown.")
    if plan != raw_digest(plan_digest):
        return Refusal("wrong_plan", f"The update names plan {PREFIX}{plan.hex()}.")
    if counted != n_words:
        return Refusal("wrong_length", f"{counted} words; the plan has {n_words}.")
    return None
