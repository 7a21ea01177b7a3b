"""Threads: sensible defaults that a user's own settings win over, set before numpy is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.offline.threads import THREADS_MAX, set_threads, threads, usable_cores

ROOT = Path(__file__).parents[3]
VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing set, and nothing left behind: setting first makes the undo remove what is added."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    set_threads()
    assert threads() == {"OpenMP": "7", "OpenBLAS": "3"}


def test_the_default_is_the_cores_at_hand_and_never_many() -> None:
    set_threads()
    assert threads() == {"OpenMP": str(min(usable_cores(), THREADS_MAX)), "OpenBLAS": "1"}
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_numpy_is_not_there_when_they_are_set() -> None:
    """The libraries read the variables when they are loaded: later would be too late."""
    program = (
        "import sys, twofold.cli as cli; cli.install_service();"
        "from clients.python.commands import device_app;"
        "import evaluation.offline.threads; sys.exit('numpy' in sys.modules)"
    )
    command = [sys.executable, "-P", "-c", program]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, timeout=60)
