"""Names of workers: one bearer at a time, and the next one bears the name of a dead one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import ROOT
from twofold.worker_names import FOLDER, bear_name

BEARER = (
    "import sys, time; from pathlib import Path; from twofold.worker_names import bear_name\n"
    "print(bear_name(Path(sys.argv[1]), 'coordinate'), flush=True); time.sleep(600)"
)


class Bearer:
    """A process that bears a name until it is killed."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", BEARER, str(folder)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}
        )
        assert self._process.stdout is not None
        self.name = self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def bearers() -> list[Bearer]:
    """Those to be ended behind the test."""
    return []


@pytest.fixture(autouse=True)
def _end(bearers: list[Bearer]) -> Iterator[None]:
    yield
    for bearer in bearers:
        bearer.kill()


def test_two_that_live_bear_two_names_and_a_dead_ones_is_borne_again(
    tmp_path: Path, bearers: list[Bearer]
) -> None:
    first, second = Bearer(tmp_path), Bearer(tmp_path)
    bearers += [first, second]
    assert len({first.name, second.name, ""}) == 3
    first.kill()
    third = Bearer(tmp_path)
    bearers.append(third)
    assert third.name == first.name


def test_kinds_do_not_share_names(tmp_path: Path) -> None:
    assert bear_name(tmp_path, "coordinate") != bear_name(tmp_path, "reduce")


def test_a_file_that_was_cut_short_gets_a_new_name(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "reduce-0").write_text("abc")
    name = bear_name(tmp_path, "reduce")
    assert len(name) == 32
    assert (tmp_path / FOLDER / "reduce-0").read_text() == name
