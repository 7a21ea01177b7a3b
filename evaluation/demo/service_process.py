"""The service as a child process of the demo; a killed one is started again on the same data."""

import os
import re
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from evaluation.child_process import ChildProcess

START_DEADLINE_S = 60.0


def free_port() -> int:
    """A TCP port on localhost that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServiceProcess(ChildProcess):
    """`twofold serve` with its embedded stores in `data_dir`."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.restarts = 0
        command = [sys.executable, "-P", "-m", "twofold", "serve"]
        command += ["--port", str(self.port), "--data-dir", str(data_dir)]
        super().__init__(command, {**os.environ, **environment}, data_dir / "service.log")

    @property
    def server_key(self) -> str:
        """The bootstrap server key that the service made for itself."""
        return (self.data_dir / "server-key").read_text().strip()

    def start(self) -> None:
        """Start the service and wait until it is ready.

        Raises: RuntimeError with the end of its log when it ends or stays unready.
        """
        super().start()
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.is_running:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        tail = self.end_of_log()
        raise RuntimeError(f"the service did not become ready; the end of its log:\n{tail}")

    def token_calls(self) -> int:
        """Requests for a token outside a check-in, as the service counted them since its start."""
        text = httpx.get(f"{self.url}/metrics", timeout=5).text
        found = re.findall(r'twofold_protocol_requests_total\{[^}]*step="token"\} (\S+)', text)
        return int(sum(float(count) for count in found))

    def keep_alive(self) -> None:
        """Start the service again if it was killed. Call from the main thread, now and then."""
        if self.was_started and not self.is_running:
            self.restarts += 1
            self.start()
