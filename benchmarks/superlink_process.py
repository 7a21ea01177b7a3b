"""Flower's SuperLink and its light nodes as processes, a run on them, and how far it has come."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.cache.embedded import die_with_parent
from benchmarks.flower_environment import FlowerEnvironment
from evaluation.child_process import ChildProcess
from evaluation.demo.service_process import free_port

HERE = Path(__file__).parent
CONNECTION = "race"
START_DEADLINE_S = 60.0


class SuperLink(ChildProcess):
    """`flower-superlink` on a port of localhost. database: a file, or None for memory."""

    def __init__(self, flower: FlowerEnvironment, folder: Path, database: Path | None) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self._flower = flower
        command = [str(flower.program("flower-superlink")), "--insecure"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--database", str(database)] if database is not None else []
        super().__init__(command, flower.variables(folder), folder / "superlink.log")
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["[superlink]", f'default = "{CONNECTION}"', f"[superlink.{CONNECTION}]"]
        lines += [f'address = "{self.address}"', "insecure = true", ""]
        (folder / "config.toml").write_text("\n".join(lines))

    def start(self) -> None:
        """Start it and wait until it answers. Raises: TimeoutError."""
        super().start()
        end = time.monotonic() + START_DEADLINE_S
        while not self._answers():
            if time.monotonic() > end or not self.is_running:
                raise TimeoutError(f"the SuperLink did not start; see {self.log}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/docs", timeout=2).is_success
        except httpx.TransportError:
            return False

    def begin_run(self, progress: Path, **config: int | float) -> None:
        """Have it run the strategy, with these settings of its `pyproject.toml` changed."""
        settings = {"progress": json.dumps(str(progress))}
        settings |= {name.replace("_", "-"): json.dumps(value) for name, value in config.items()}
        given = " ".join(f"{name}={value}" for name, value in settings.items())
        app = str(HERE / "superlink_app")
        self._flwr("run", app, CONNECTION, "--run-config", given)

    def status(self) -> str:
        """The newest run's, as `flwr ls` shows it."""
        runs: list[dict[str, str]] = json.loads(self._flwr("ls", CONNECTION))["runs"]
        return runs[0]["status"]

    def _flwr(self, *arguments: str) -> str:
        command = [str(self._flower.program("flwr")), *arguments, "--format", "json"]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=self.environment
        )
        return done.stdout


class Nodes:
    """The process of light nodes. updates: how many they have sent; summary: known at the end."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.updates = 0
        self.summary: dict[str, Any] = {}
        self.ready = threading.Event()
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            self.updates = line.get("updates", self.updates)
            if "ready" in line:
                self.ready.set()
            if "requests" in line:
                self.summary = line

    def stop(self) -> None:
        """End the process; its summary is there afterwards."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._thread.join(timeout=5)


@contextmanager
def light_nodes(
    flower: FlowerEnvironment, folder: Path, address: str, n: int, poll_s: float
) -> Iterator[Nodes]:
    """Nodes that have all registered. Raises: TimeoutError."""
    command = [str(flower.program("python")), str(HERE / "superlink_nodes.py")]
    with (folder / "nodes.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, address, str(n), str(poll_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=flower.variables(folder),
            preexec_fn=die_with_parent,
        )
    nodes = Nodes(process)
    try:
        if not nodes.ready.wait(START_DEADLINE_S):
            raise TimeoutError(f"the nodes did not register; see {folder}")
        yield nodes
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def rounds_done(progress: Path) -> list[int]:
    """How many updates each round was made of, the first of them round 0, which has none."""
    if not progress.exists():
        return []
    return [json.loads(line)["updates"] for line in progress.read_text().splitlines()]
