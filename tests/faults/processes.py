"""One process of the service under test: killed, frozen, started again, with its log kept."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.child_process import ChildProcess

ROOT = Path(__file__).parents[2]
TWOFOLD = (sys.executable, "-P", "-m", "twofold")
CAUGHT_UP = "caught_up"


def bare_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without settings of the service, plus `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWOFOLD_")}
    # One BLAS thread each: many processes share few cores here.
    return {**kept, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **extra}


def is_alive(pid: int) -> bool:
    """Whether the process has not ended; one that nobody has waited for yet has."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cpu_s(pid: int) -> float:
    """Processor time that a process has used since it was made."""
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


class ServerProcess(ChildProcess):
    """A command that can be started again and again. kind: `replica`, `coordinator`, ..."""

    def __init__(
        self, kind: str, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        super().__init__(command, environment, log, log.parent)
        self.kind = kind

    @property
    def worker(self) -> int | None:
        """Who does the work: a replica itself; else the child that a warm parent has forked, if it
        has one just now."""
        if self.kind == "replica" or not self.is_running:
            return self.pid if self.is_running else None
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return next((pid for pid in map(int, children) if is_alive(pid)), None)

    def has(self, worker: int) -> bool:
        """Whether the worker of this id has not ended."""
        # A leader is a zombie while its threads still end, and cannot be waited for until then.
        return self.is_running if self.kind == "replica" else is_alive(worker)

    @property
    def n_caught_up(self) -> int:
        """How many of its workers have done all that was due when they began."""
        return self.log.read_text(errors="replace").count(CAUGHT_UP) if self.log.exists() else 0

    def freeze(self) -> None:
        """SIGSTOP for the worker: its sockets stay open and nobody answers."""
        assert self.worker is not None
        os.kill(self.worker, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.worker is not None
        os.kill(self.worker, signal.SIGCONT)

    def freeze_parent(self) -> None:
        """SIGSTOP for the warm parent: a dead worker has no successor until it is thawed."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw_parent(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)
