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


class RestartPauses:
    """How long to wait before a restart: not at all at first, then longer from death to death.

    first_s, most_s: of the pauses that are made. settled_s: what lived this long did start; with
    its death all begins anew.
    """

    def __init__(self, first_s: float, most_s: float, settled_s: float) -> None:
        self._first_s, self._most_s, self._settled_s = first_s, most_s, settled_s
        self._next_s = 0.0

    def after(self, lived_s: float) -> float:
        """The pause, in seconds, behind the death of one that lived for `lived_s`."""
        pause_s = 0.0 if lived_s >= self._settled_s else self._next_s
        self._next_s = min(max(2 * pause_s, self._first_s), self._most_s)
        return pause_s


class KeptRunning:
    """A child process that is started again whenever it dies, also when it dies at every start."""

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
        pauses = RestartPauses(RESTART_PAUSE_S, RESTART_PAUSE_S_MAX, SETTLED_S)
        while not self._stopping.is_set():
            started = time.monotonic()
            self._process = subprocess.Popen(self._command)
            if self._stopping.is_set():  # asked to stop while the child was being started
                self._process.terminate()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            pause_s = pauses.after(time.monotonic() - started)
            name = " ".join(self._command[-2:])
            print(f"{name} ended with {code}; starting it again in {pause_s:g} s", file=sys.stderr)
            self._stopping.wait(pause_s)
