"""A command as a child: started again and again, killed, asked to end, with its log kept."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cache.embedded import die_with_parent

STOP_DEADLINE_S = 15.0
LOG_CHARACTERS = 3000


class ChildProcess:
    """A child that ends with the thread that started it. environment: all of it. folder: where it
    runs; None for here. log: what it says is appended to this file.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        folder: Path | None = None,
    ) -> None:
        self.log = log
        self.environment = dict(environment)
        self._command, self._folder = list(command), folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def was_started(self) -> bool:
        """Whether it ever was, be it over or not."""
        return self._process is not None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; whether it is ready is for the caller to find out."""
        assert not self.is_running
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self._folder,
                preexec_fn=die_with_parent,
            )

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has let go of it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_DEADLINE_S)

    def stop(self) -> None:
        """Ask it to end, then insist; nothing if it has ended."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def end_of_log(self) -> str:
        """What it said last."""
        return self.log.read_text(errors="replace")[-LOG_CHARACTERS:] if self.log.exists() else ""
