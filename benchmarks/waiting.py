"""Waiting for what another process does, never without an end."""

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.1
DEADLINE_S = 300.0


def wait_until(condition: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Look until it holds. Raises: TimeoutError."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"it did not come that far within {deadline_s:g} s")
        time.sleep(LOOK_EVERY_S)
