"""A parent and the workers that it forks, as real processes: killed, told to end, refused."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twofold.supervision import RestartPauses
from twofold.warm_parent import REFUSED

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
# What a test's worker does follows. `say` writes a line for the test to read.
HEAD = """
import os, random, signal, sys, time
import numpy as np
from twofold import warm_parent
warm_parent.STOP_DEADLINE_S = 0.2
parent = os.getpid()
def say(*words):
    with open("said", "a") as file:
        print(os.getpid(), *words, file=file)
try:
    warm_parent.become_worker()
except SystemExit:
    say("parent")
    raise
first = not os.path.exists("said")
"""
WAITS = 'say("works"); time.sleep(600)'
Start = Callable[[str], "Family"]

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's"),
]


class Family:
    """A parent that was started in a folder, and what its workers said there."""

    def __init__(self, folder: Path, code: str) -> None:
        self._said, self._log = folder / "said", folder / "log"
        with self._log.open("wb") as log:
            self.parent = subprocess.Popen(
                [sys.executable, "-c", HEAD + code],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2"},
                stderr=log,
            )

    def said(self) -> list[list[str]]:
        """The words of each line."""
        lines = self._said.read_text().splitlines() if self._said.exists() else []
        return [line.split() for line in lines]

    def worker(self, number: int) -> int:
        """The id of the worker that spoke in this place, once it has."""
        wait_until(lambda: len(self.said()) > number)
        return int(self.said()[number][0])

    @property
    def pauses(self) -> list[float]:
        """Before every start but the first, in seconds, as announced."""
        return [float(found) for found in re.findall(r"starts in (\S+) s", self._log.read_text())]

    def kill(self) -> None:
        """End the parent at the end of a test, whatever has become of it."""
        self.parent.kill()
        self.parent.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a family; the kernel ends its worker with the parent, which is killed at the end."""
    families: list[Family] = []

    def run(code: str) -> Family:
        families.append(Family(tmp_path, code))
        return families[-1]

    yield run
    for family in families:
        family.kill()


class TestRefused:
    def test_the_first_worker_refuses(self, start: Start) -> None:
        family = start(f"say('refuses'); sys.exit({REFUSED})")
        assert family.parent.wait(DEADLINE_S) == REFUSED
        assert [line[1] for line in family.said()] == ["refuses", "parent"]

    def test_a_later_worker_is_followed_all_the_same(self, start: Start) -> None:
        family = start(f"say('ends'); sys.exit(1 if first else {REFUSED})")
        family.worker(2)
        assert family.parent.poll() is None

    def test_always_dying_it_does_not_spin(self, start: Start) -> None:
        family = start("say('dies'); os.kill(os.getpid(), signal.SIGKILL)")
        wait_until(lambda: len(family.pauses) >= 4)
        assert family.pauses[:4] == [0, 0.25, 0.5, 1]


class TestKilled:
    def test_another_worker_of_the_same_parent_goes_on(self, start: Start) -> None:
        family = start(WAITS)
        first = family.worker(0)
        os.kill(first, signal.SIGKILL)
        second = family.worker(1)
        assert second != first
        assert [is_alive(pid) for pid in (first, second)] == [False, True]
        assert family.parent.poll() is None

    def test_a_worker_ends_with_its_parent(self, start: Start) -> None:
        family = start(WAITS)
        worker = family.worker(0)
        family.kill()
        wait_until(lambda: not is_alive(worker))

    def test_stopped_and_let_go_on_it_is_the_same_worker(self, start: Start) -> None:
        family = start(WAITS)
        worker = family.worker(0)
        os.kill(worker, signal.SIGSTOP)
        os.kill(worker, signal.SIGCONT)
        os.kill(worker, signal.SIGKILL)
        family.worker(1)
        assert len(family.pauses) == 1


class TestToldToEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_both_end(self, start: Start, number: signal.Signals) -> None:
        family = start(
            "signal.signal(signal.SIGTERM, lambda *_: (say('ends'), sys.exit(0)))\n" + WAITS
        )
        worker = family.worker(0)
        family.parent.send_signal(number)
        assert family.parent.wait(DEADLINE_S) == 0
        assert not is_alive(worker)
        assert [line[1] for line in family.said()] == ["works", "ends", "parent"]

    def test_a_worker_that_does_not_listen_is_killed(self, start: Start) -> None:
        family = start("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITS)
        worker = family.worker(0)
        family.parent.terminate()
        assert family.parent.wait(DEADLINE_S) == 0
        assert not is_alive(worker)

    def test_between_two_workers(self, start: Start) -> None:
        family = start("say('dies'); sys.exit(1)")
        wait_until(lambda: len(family.pauses) >= 4)
        family.parent.terminate()
        assert family.parent.wait(DEADLINE_S) == 0


class TestInherited:
    def test_no_two_workers_draw_the_same(self, start: Start) -> None:
        family = start("say(random.random(), np.random.default_rng().random()); sys.exit(1)")
        family.worker(2)
        drawn = [word for line in family.said()[:3] for word in line[1:]]
        assert len(set(drawn)) == len(drawn) == 6

    def test_the_parent_has_one_thread_and_signals_are_let_through(self, start: Start) -> None:
        family = start("say(sorted(signal.pthread_sigmask(0, ())) or 'none'); time.sleep(600)")
        family.worker(0)
        assert family.said()[0][1:] == ["none"]
        assert len(list(Path(f"/proc/{family.parent.pid}/task").iterdir())) == 1


def test_a_life_makes_up_for_the_deaths_before_it() -> None:
    pauses = RestartPauses(first_s=0.5, most_s=3.0, settled_s=60.0)
    assert [pauses.after(1.0) for _ in range(6)] == [0, 0.5, 1, 2, 3, 3]
    assert [pauses.after(lived_s) for lived_s in (60.0, 1.0, 1.0)] == [0, 0.5, 1]
