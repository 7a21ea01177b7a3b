"""`twofold serve` with real processes: it starts, refuses, and ends with all that it started."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from twofold.start_checks import sole_owner

ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[bytes]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWOFOLD_")}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


def refusal(*arguments: str, folder: Path, **extra: str) -> str:
    """The one line that a command ends with."""
    found = subprocess.run(
        [sys.executable, "-P", "-m", "twofold", *arguments, "--data-dir", str(folder)],
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 2, found.stderr
    lines = found.stderr.strip().splitlines()
    assert len(lines) == 1, found.stderr
    return lines[0]


class TestRefused:
    def test_bad_setting(self, tmp_path: Path) -> None:
        line = refusal("serve", folder=tmp_path, TWOFOLD_DIM="many")
        assert line.startswith("twofold: TWOFOLD_DIM: ")

    def test_quorum_above_target(self, tmp_path: Path) -> None:
        extra = {"TWOFOLD_ROUND_COHORT_TARGET": "5", "TWOFOLD_ROUND_COHORT_MIN": "6"}
        assert "cohort_min" in refusal("serve", folder=tmp_path, **extra)

    def test_short_secret(self, tmp_path: Path) -> None:
        assert "32 bytes" in refusal("serve", folder=tmp_path, TWOFOLD_SECRET="short")

    def test_key_without_its_prefix(self, tmp_path: Path) -> None:
        line = refusal("serve", folder=tmp_path, TWOFOLD_SERVER_KEY="hello")
        assert line.startswith("twofold: TWOFOLD_SERVER_KEY must be 'tf_server_'")

    def test_cache_that_is_no_url(self, tmp_path: Path) -> None:
        line = refusal("serve", folder=tmp_path, TWOFOLD_REDIS_URL="garbage")
        assert line.startswith("twofold: TWOFOLD_REDIS_URL: ")

    def test_database_of_another_kind(self, tmp_path: Path) -> None:
        line = refusal("serve", folder=tmp_path, TWOFOLD_DATABASE_URL="mysql://x/y")
        assert "sqlite: or postgresql:" in line

    def test_round_setting_is_named(self, tmp_path: Path) -> None:
        line = refusal("serve", folder=tmp_path, TWOFOLD_ROUND_ENABLED="maybe")
        assert line.startswith("twofold: TWOFOLD_ROUND_ENABLED: ")

    def test_limit_setting_is_named(self, tmp_path: Path) -> None:
        line = refusal("serve", folder=tmp_path, TWOFOLD_LIMIT_USER_PER_S="-1")
        assert line.startswith("twofold: TWOFOLD_LIMIT_USER_PER_S: ")

    def test_data_dir_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "is not a folder" in refusal("serve", folder=tmp_path / "file")

    def test_port_in_use(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            assert f"127.0.0.1:{port}" in refusal("serve", "--port", port, folder=tmp_path)
        assert not (tmp_path / "twofold.db").exists()

    def test_data_dir_of_a_running_service(self, tmp_path: Path) -> None:
        with sole_owner(tmp_path):
            port = str(free_port())
            line = refusal("serve", "--port", port, folder=tmp_path)
        assert line == f"twofold: another service runs on {tmp_path}"

    def test_shared_database_without_a_secret(self, tmp_path: Path) -> None:
        url = "postgresql://nobody@127.0.0.1:1/none"
        assert "TWOFOLD_SECRET" in refusal("serve", folder=tmp_path, TWOFOLD_DATABASE_URL=url)

    def test_database_away(self, tmp_path: Path) -> None:
        extra = {
            "TWOFOLD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "TWOFOLD_SECRET": "s" * 40,
        }
        assert "does not answer" in refusal("migrate", folder=tmp_path, **extra)

    def test_database_without_a_schema(self, tmp_path: Path) -> None:
        extra = {
            "TWOFOLD_DATABASE_URL": f"sqlite:///{tmp_path / 'given.db'}",
            "TWOFOLD_SECRET": "s" * 40,
        }
        assert "twofold migrate" in refusal("serve", folder=tmp_path, **extra)
        assert "twofold migrate" in refusal("coordinate", folder=tmp_path, **extra)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the service in a folder; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[bytes]] = []

    def run(port: int, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "twofold", "serve", "--port", str(port)]
        command += ["--data-dir", str(tmp_path / "data"), *arguments]
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
        running.append(process)
        wait_until(lambda: is_ready(port) or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "log").read_text()
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(holds: Callable[[], bool], deadline_s: float = 60.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def children(pid: int) -> set[int]:
    """Processes under `pid`, at any depth."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found |= {child} | children(child)
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_everything_ends_with_it(self, start: Start, number: signal.Signals) -> None:
        port = free_port()
        process = start(port)
        wait_until(lambda: len(children(process.pid)) >= 2)  # the cache and the coordinator
        family = children(process.pid)
        process.send_signal(number)
        code = process.wait(timeout=30)
        wait_until(lambda: not any(is_alive(pid) for pid in family), 30)
        assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        again = start(port)  # on the same data, at once
        assert is_ready(port)
        again.terminate()
        again.wait(timeout=30)

    def test_two_workers(self, start: Start) -> None:
        port = free_port()
        process = start(port, "--workers", "2", "--no-coordinator")
        family = children(process.pid)
        assert len(family) >= 3
        process.kill()
        process.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in family), 30)

    def test_coordinator_that_dies_is_started_again(self, start: Start) -> None:
        process = start(free_port())

        def coordinators() -> list[set[int]]:
            """The parent that is warm, and its worker."""
            lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in children(process.pid)}
            found = [pid for pid, line in lines.items() if b"coordinate" in line.read_bytes()]
            parents = {pid for pid in found if children(pid)}
            return [parents, set(found) - parents]

        def are_others(before: list[set[int]]) -> bool:
            now = coordinators()
            return all(new and not new & old for new, old in zip(now, before, strict=True))

        wait_until(lambda: all(coordinators()))
        parents, workers = coordinators()
        os.kill(*workers, signal.SIGKILL)
        wait_until(lambda: are_others([set(), workers]))
        assert coordinators()[0] == parents
        before = coordinators()
        os.kill(*parents, signal.SIGKILL)
        wait_until(lambda: are_others(before))
        process.terminate()
        assert process.wait(timeout=30) == 0
