"""What a service and all its processes used, as the kernel counts it. Linux only: /proc.

A process that has ended and was waited for is in its parent's count, so CPU time of a tree never
shrinks while its root lives. Processes that left the tree are not seen.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SAMPLE_EVERY_S = 0.25


@dataclass(frozen=True)
class Stat:
    """A line of /proc/<pid>/stat. cpu_s: user and system time of the process and its waited-for
    children."""

    pid: int
    parent: int
    cpu_s: float


def read_stat(line: str) -> Stat:
    """A line as proc_pid_stat(5) describes it; the name may hold spaces and brackets."""
    head, _, tail = line.rpartition(")")
    fields = tail.split()  # from the third field on
    ticks = sum(int(text) for text in fields[11:15])  # utime, stime, cutime, cstime
    return Stat(int(head.split(" ", 1)[0]), int(fields[1]), ticks / TICKS_PER_S)


def read_pss_mib(smaps_rollup: str) -> float:
    """Proportional set size: memory that processes share is divided among them."""
    for line in smaps_rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def tree(root: int) -> list[Stat]:
    """The process and all that descend from it; empty when it is gone."""
    found = {stat.pid: stat for stat in map(_stat, PROC.glob("[0-9]*")) if stat is not None}
    members = [found[root]] if root in found else []
    for member in members:  # grows while it is walked
        members += [stat for stat in found.values() if stat.parent == member.pid]
    return members


def _stat(folder: Path) -> Stat | None:
    try:
        return read_stat((folder / "stat").read_text())
    except (FileNotFoundError, ProcessLookupError):  # it ended since it was listed
        return None


def cpu_s(root: int) -> float:
    """CPU seconds of the tree since its root began."""
    return sum(stat.cpu_s for stat in tree(root))


def pss_mib(root: int) -> float:
    """Memory of the tree now."""
    return sum(_pss_mib(stat.pid) for stat in tree(root))


def _pss_mib(pid: int) -> float:
    try:
        return read_pss_mib((PROC / str(pid) / "smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


class PeakMemory:
    """Looks at a tree's memory now and then, until its `with` block ends."""

    def __init__(self, root: int, every_s: float = SAMPLE_EVERY_S) -> None:
        self.mib = 0.0
        self._root, self._every_s = root, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.mib = max(self.mib, pss_mib(self._root))
            if self._ended.wait(self._every_s):
                return
