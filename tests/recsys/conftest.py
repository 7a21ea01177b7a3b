"""Where licensed data lies, for the tests that read it."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def data_root() -> Path:
    """The folder named by TWOFOLD_DATA; the test is skipped where it is not set."""
    root = os.environ.get("TWOFOLD_DATA")
    if not root:
        pytest.skip("TWOFOLD_DATA is not set: the public datasets are not on this machine")
    return Path(root)
