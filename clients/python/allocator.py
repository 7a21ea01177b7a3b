"""glibc's allocator, told to keep what a fleet frees.

Arrays above 128 KiB are handed back to the kernel when they are freed, and every page of the next
one is faulted in and zeroed again. A fleet makes and frees the same few megabytes for every update:
keeping them saves about a third of its CPU time.
"""

import ctypes
import sys

# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# What one thread holds at its peak is a few copies of an update, which is far below these.
MMAP_THRESHOLD_BYTES = 32 << 20  # the largest that mallopt takes on 64 bits
TRIM_THRESHOLD_BYTES = 256 << 20


def keep_freed_memory() -> bool:
    """Have this process keep freed arrays for the next ones; False where glibc is not its libc."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    return bool(kept and mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES))
