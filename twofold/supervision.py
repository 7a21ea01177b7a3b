"""Processes that belong together end together, also when one of them is killed outright.

`twofold serve` names itself in the environment of the processes that it starts; each of them asks
the kernel, as its first act, to be ended when that parent is. (Asking between fork and exec would
need code that runs in a copy of a process with several threads.)
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

SUPERVISOR_VARIABLE = "TWOFOLD_SUPERVISOR"
STOP_DEADLINE_S = 10.0
RESTART_PAUSE_S = 0.5
RESTART_PAUSE_S_MAX = 30.0
# A child that lived this long did start: its next death begins with a short pause again.
SETTLED_S = 60.0


def name_supervisor() -> None:
    """Let the processes that this one starts end with it."""
    os.environ[SUPERVISOR_VARIABLE] = str(os.getpid())


def follow_supervisor() -> None:
    """End this process when the one that started it ends; without a supervisor, do nothing.

    Raises: SystemExit when the supervisor is gone already.
    """
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None or not supervisor.isdigit() or int(supervisor) == os.getpid():
        return
    # Not at the top: a worker finds `app` only once the house is installed.
    from app.cache.embedded import die_with_parent

    die_with_parent()
    if os.getppid() != int(supervisor):
        raise SystemExit(0)


class KeptRunning:
    """A child process that is started again, after a growing pause, whenever it dies."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # The kernel's parent-death signal follows the thread that started the child: this one
        # lives until the child is stopped.
        self._thread = threading.Thread(target=self._keep, daemon=True, name="keeper")

    def start(self) -> None:
        """Start the child, and watch it from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the child for good."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        self._thread.join(STOP_DEADLINE_S)
        if process is not None and process.poll() is None:
            process.kill()

    def _keep(self) -> None:
        pause_s = RESTART_PAUSE_S
        while not self._stopping.is_set():
            started = time.monotonic()
            self._process = subprocess.Popen(self._command)
            if self._stopping.is_set():  # asked to stop while the child was being started
                self._process.terminate()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - started >= SETTLED_S:
                pause_s = RESTART_PAUSE_S
            name = " ".join(self._command[-2:])
            print(f"{name} ended with {code}; starting it again in {pause_s:g} s", file=sys.stderr)
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, RESTART_PAUSE_S_MAX)
