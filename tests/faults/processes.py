"""One process of the service under test: killed, frozen, started again, with its log kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cache.embedded import die_with_parent

ROOT = Path(__file__).parents[2]
TWOFOLD = (sys.executable, "-P", "-m", "twofold")


def bare_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without settings of the service, plus `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWOFOLD_")}
    # One BLAS thread each: many processes share few cores here.
    return {**kept, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **extra}


class ServerProcess:
    """A command that can be started again and again. kind: `replica`, `coordinator`, ..."""

    def __init__(
        self, kind: str, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.kind = kind
        self.log = log
        self._command = list(command)
        self.environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        return self._process is not None and self._process.poll() == -signal.SIGKILL

    def start(self) -> None:
        """Start it; whether it is ready is for the caller to find out."""
        assert not self.is_running
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.log.parent,
                preexec_fn=die_with_parent,
            )

    @property
    def cpu_s(self) -> float:
        """Processor time that it has used since it was started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has let go of it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def freeze(self) -> None:
        """SIGSTOP: its sockets stay open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, then insist."""
        if not self.is_running:
            return
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def end_of_log(self) -> str:
        """What it said last."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
