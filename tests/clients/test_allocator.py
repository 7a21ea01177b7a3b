"""What a fleet frees is kept for its next update instead of being faulted in again."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from clients.python.allocator import keep_freed_memory

ROOT = Path(__file__).parents[2]
FAULTS = textwrap.dedent("""
    import resource, sys
    import numpy as np
    from clients.python.allocator import keep_freed_memory
    if sys.argv[1] == "keep":
        assert keep_freed_memory()
    def work():
        for _ in range(50):
            kept = [np.ones(400_000) for _ in range(6)]
            del kept
    work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
""")


def page_faults(how: str) -> int:
    ran = subprocess.run(
        [sys.executable, "-c", FAULTS, how], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(ran.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not glibc")
def test_pages_are_faulted_in_once() -> None:
    assert page_faults("keep") * 10 < page_faults("leave")
