"""A whole service of separate processes on given stores: replicas, coordinators, and what comes."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from app.crash_points import CRASH_DIR_VARIABLE, CrashPoint
from evaluation.demo.service_process import free_port
from tests.faults.processes import TWOFOLD, ServerProcess, bare_environment

SECRET = "a secret of the fault tests, of thirty-two bytes at least"
SERVER_KEY = "tf_server_" + "k" * 40
READY_S = 60.0
SETTINGS = {
    "TWOFOLD_SECRET": SECRET,
    "TWOFOLD_SERVER_KEY": SERVER_KEY,
    "TWOFOLD_DIM": "8",
    "TWOFOLD_REDUCE_JOB_UPDATES": "3",
    "TWOFOLD_TICK_S": "0.05",
    "TWOFOLD_RETRY_WINDOW_S": "0.2,0.8",
    # Sums are kept as long as tables: long enough for the books to copy each of them.
    "TWOFOLD_RANKABLE_VERSIONS": "8",
    "TWOFOLD_ROUND_COHORT_TARGET": "8",
    "TWOFOLD_ROUND_COHORT_MIN": "4",
    "TWOFOLD_ROUND_DEADLINE_S": "4",
    "TWOFOLD_ROUND_LEASE_S": "3",
}

# Where a process of each kind dies, by the first word of a crash point.
DIES_AT: dict[str, str] = {
    "grant": "replica",
    "upload": "replica",
    "close": "coordinator",
    "reduce": "coordinator",
    "gate": "coordinator",
    "publish": "coordinator",
    "open": "coordinator",
    "sweep": "coordinator",
    "standing": "coordinator",
    "rollback": "coordinator",
    "order": "replica",
}


def kind_that_dies(point: CrashPoint) -> str:
    """Which kind of process reaches this point."""
    return DIES_AT[point.split("_", 1)[0]]


class Cluster:
    """Processes over one database, one cache and one folder of blobs.

    folder: for logs; data: for blobs and keys. stores: settings that name the stores, by kind of
    process. counts: how many of each kind. prefix: goes before every command, by kind.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        stores: Mapping[str, Mapping[str, str]],
        counts: Mapping[str, int],
        settings: Mapping[str, str] | None = None,
        prefix: Mapping[str, Sequence[str]] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.data = data
        for path in (data, folder / "crashes", folder / "crashes-of-reducers"):
            path.mkdir(parents=True)
        given = {"TWOFOLD_DATA_DIR": str(self.data)}
        self._shared = {**SETTINGS, **given, **(settings or {})}
        self._stores, self._prefix, self._folder = stores, prefix or {}, folder
        self.host = host
        self.ports = [free_port() for _ in range(counts["replica"])]
        self.processes = [self._make(kind, n) for kind in counts for n in range(counts[kind])]

    def _make(self, kind: str, number: int) -> ServerProcess:
        # A reducer competes with coordinators for the same points: its own are armed elsewhere.
        own = {CRASH_DIR_VARIABLE: str(self._crashes(kind))}
        stores = self._stores["coordinator" if kind == "reducer" else kind]
        environment = bare_environment({**self._shared, **stores, **own})
        command = [*self._prefix.get(kind, ()), *self._command(kind, number)]
        return ServerProcess(kind, command, environment, self._folder / f"{kind}-{number}.log")

    def add(self, kind: str) -> ServerProcess:
        """One more process of a kind that listens on no port; it is not started yet."""
        process = self._make(kind, len(self.of_kind(kind)))
        self.processes.append(process)
        return process

    def remove(self, process: ServerProcess) -> None:
        """End a process that was added."""
        process.stop()
        self.processes.remove(process)

    def _command(self, kind: str, number: int) -> list[str]:
        if kind in ("coordinator", "reducer"):
            return [*TWOFOLD, "coordinate" if kind == "coordinator" else "reduce"]
        port = str(self.ports[number])
        return [*TWOFOLD, "serve", "--no-coordinator", "--host", self.host, "--port", port]

    def of_kind(self, kind: str) -> list[ServerProcess]:
        """The processes of one kind."""
        return [process for process in self.processes if process.kind == kind]

    def start(self) -> None:
        """Start all, and wait until every replica is ready."""
        for process in self.processes:
            process.start()
        for number in range(len(self.ports)):
            self.wait_until_ready(number)

    def wait_until_ready(self, number: int = 0) -> None:
        """Wait for one replica."""
        process, deadline = self.of_kind("replica")[number], time.monotonic() + READY_S
        while not self._is_ready(number):
            assert process.is_running, process.end_of_log()
            assert time.monotonic() < deadline, process.end_of_log()
            time.sleep(0.02)

    def _is_ready(self, number: int) -> bool:
        try:
            url = f"http://{self.host}:{self.ports[number]}/readyz"
            return httpx.get(url, timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    def _crashes(self, kind: str) -> Path:
        return self._folder / ("crashes-of-reducers" if kind == "reducer" else "crashes")

    def arm(self, point: CrashPoint, kind: str = "replica") -> None:
        """The next process that reaches the point dies there; reducers only if they are named."""
        (self._crashes(kind) / point).touch()

    def stop(self) -> None:
        """End everything; crash points that nobody reached are forgotten."""
        for process in self.processes:
            process.stop()

    def ends_of_logs(self) -> str:
        """What every process said last."""
        return "\n".join(f"--- {p.log.name}\n{p.end_of_log()}" for p in self.processes)
