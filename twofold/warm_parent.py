"""A parent that has imported everything, and forks the process that does the work.

Starting Python and importing torch takes seconds, a fork takes milliseconds: when the worker dies,
another one is at work before anybody would have noticed. The parent itself does nothing that could
fail. It has no event loop, no connection and no thread of its own, and draws no random numbers, so
that there is nothing in it that two workers must not share. (`random` and OpenSSL see to their own
state after a fork, and OpenBLAS ends its threads before one.)
"""

import os
import signal
import sys
import time

from app.cache.embedded import die_with_parent
from twofold.supervision import RestartPauses

# As a command ends that refuses to start: with one line that says why.
REFUSED = 2
# Shorter than the patience of whoever supervises the parent, who would leave the worker behind.
STOP_DEADLINE_S = 8.0
PAUSE_S = 0.25
# A try costs a fork and a connection: often enough for a store that comes back, and no spinning.
PAUSE_S_MAX = 2.0
SETTLED_S = 2.0  # long past the first tick, which takes a tenth

_TOLD = frozenset({signal.SIGTERM, signal.SIGINT})
_WATCHED = _TOLD | {signal.SIGCHLD}


def become_worker() -> None:
    """Return in a worker, whose parent this process has become; the parent never returns.

    Every worker that dies is followed by another, at once after a life and after a growing pause
    otherwise. A worker ends with its parent. Where the kernel cannot promise that (all but Linux)
    this process is its own worker, and nothing is forked.

    Raises: SystemExit in the parent: 0 when it was told to end and the worker has ended, `REFUSED`
    when the very first worker refused to start.
    """
    if sys.platform != "linux":
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    pauses = RestartPauses(PAUSE_S, PAUSE_S_MAX, SETTLED_S)
    is_first = True
    while (pid := _fork()) != 0:
        since = time.monotonic()
        code = _wait(pid)
        if is_first and code == REFUSED:
            raise SystemExit(REFUSED)
        is_first = False
        pause_s = pauses.after(time.monotonic() - since)
        print(
            f"worker {pid} ended with {code}; another one starts in {pause_s:g} s", file=sys.stderr
        )
        if signal.sigtimedwait(_TOLD, pause_s) is not None:
            raise SystemExit(0)


def _fork() -> int:
    """The worker's id in the parent; 0 in the worker, with the signals as they are by default."""
    parent = os.getpid()
    # What is still in a buffer would be written twice.
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        die_with_parent()
        if os.getppid() != parent:  # it died before the kernel was asked
            raise SystemExit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    return pid


def _wait(pid: int) -> int:
    """How the worker ended: its exit code, or a signal's number below zero.

    Raises: SystemExit when this process was told to end; the worker has ended then.
    """
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        # All of these are blocked: what came since the look before is not lost, it ends the wait.
        if signal.sigwait(_WATCHED) in _TOLD:
            _stop(pid)
            raise SystemExit(0)
    return os.waitstatus_to_exitcode(ended[1])


def _stop(pid: int) -> None:
    """Ask the worker to end, then insist."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_DEADLINE_S
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        signal.sigtimedwait({signal.SIGCHLD}, left_s)
