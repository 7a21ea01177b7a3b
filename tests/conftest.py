"""Where the files of tests lie, and in which order the workers of `make test` take them."""

import importlib.util
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

# httpx asks for it in every request to an app in process. Where it is not installed, Python would
# search all its folders each time; None says so at once.
if importlib.util.find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MEMORY = Path("/dev/shm")
ROOM_BYTES_MIN = 2 << 30

# Few tests, and minutes: whoever took them last would leave the other workers idle.
LONG = (
    "tests/faults/",
    "tests/evaluation/drill/",
    "tests/benchmarks/",
    "tests/simulation/",
)


def has_room(folder: Path) -> bool:
    """Whether tests may lie there: a container's shared memory is often small."""
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES_MIN


def pytest_configure(config: pytest.Config) -> None:
    """Let temporary files, those of child processes too, lie in memory unless TMPDIR says where.

    Every store syncs what it acknowledges, and a disk takes milliseconds for it, thousands of
    times. No test outlives a crash of the machine, which is all that syncing guards against.

    Workers beside each other have one thread each for numpy and torch: more would wait for cores,
    and burn them while they wait.
    """
    if "TMPDIR" not in os.environ and has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # asked again
    if config.getoption("numprocesses", None):
        for library in ("OMP", "OPENBLAS"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def file_of(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long folders first, then the files with many tests, so that what is left fills the gaps."""
    n_tests = Counter(file_of(item.nodeid) for item in items)

    def rank(item: pytest.Item) -> tuple[int, int, str]:
        file = file_of(item.nodeid)
        long = next((i for i, folder in enumerate(LONG) if file.startswith(folder)), len(LONG))
        return long, -n_tests[file], file

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out file after file in that order, but all faults to one worker: they share a service
    that takes twenty seconds to start.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class FilesInOrder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = file_of(nodeid)
            return str(Path(file).parent) if file.startswith("tests/faults/") else file

    config.option.loadscopereorder = False
    return FilesInOrder(config, log)
