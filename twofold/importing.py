"""Importing a large part of the service, quickly."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """For a block of imports: they make thousands of objects, and hardly one of them garbage.

    The collector would go through all of them again and again, for a tenth of the time. What was
    imported stays, so it need not look at that later either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
