"""The service as a child process of the demo; a killed one is started again on the same data."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from app.cache.embedded import die_with_parent

START_DEADLINE_S = 60.0


def free_port() -> int:
    """A TCP port on localhost that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServiceProcess:
    """`twofold serve` with its embedded stores in `data_dir`."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.restarts = 0
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the service that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        """Where the service writes its log."""
        return self.data_dir / "service.log"

    @property
    def server_key(self) -> str:
        """The bootstrap server key that the service made for itself."""
        return (self.data_dir / "server-key").read_text().strip()

    def start(self) -> None:
        """Start the service and wait until it is ready.

        Raises: RuntimeError with the end of its log when it ends or stays unready.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "twofold", "serve"]
        command += ["--port", str(self.port), "--data-dir", str(self.data_dir)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                preexec_fn=die_with_parent,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        tail = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"the service did not become ready; the end of its log:\n{tail}")

    def token_calls(self) -> int:
        """Requests for a token outside a check-in, as the service counted them since its start."""
        text = httpx.get(f"{self.url}/metrics", timeout=5).text
        found = re.findall(r'twofold_protocol_requests_total\{[^}]*step="token"\} (\S+)', text)
        return int(sum(float(count) for count in found))

    def keep_alive(self) -> None:
        """Start the service again if it was killed. Call from the main thread, now and then."""
        if self._process is not None and self._process.poll() is not None:
            self.restarts += 1
            self.start()

    def stop(self) -> None:
        """Ask the service to end, then insist."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=5)
