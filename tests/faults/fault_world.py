"""A service under fault: its processes and stores, a crowd that never rests, and the books."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.cache.embedded import EmbeddedRedis
from app.crash_points import CrashPoint
from app.store.database import Database
from app.store.migrate import migrate
from tests.faults.background import Background
from tests.faults.books import Checked, SumKeeper, check_books, read_ledger
from tests.faults.cluster import SECRET, SERVER_KEY, Cluster
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.disk import SmallDisk
from tests.faults.http_messages import request
from tests.faults.postgres import PostgresServer
from tests.faults.processes import ServerProcess
from tests.faults.round_robin import RoundRobin
from tests.faults.witnesses import Crowd

# Only a service that hangs takes so long: recovery is measured, and printed, not asserted.
HANGS_S = 45.0
LOOK_S = 0.01
SUMS_EVERY_S = 0.1
N_ITEMS = 40


@dataclass(frozen=True)
class Recovery:
    """Seconds from a restart, or from the end of a fault, until the service did its work again.

    cpu_s: what the restarted process spent until then; on a machine that others use as well, it
    says more than wall_s. None where no process was started.
    """

    wall_s: float
    cpu_s: float | None = None


@dataclass
class FaultWorld:
    """store: `sqlite` or `postgres`. proxies: before the database, by kind of process; no server,
    no proxy. database: the checks' own way to the tables, past the proxies. disk: where the blobs
    lie, and SQLite's file.
    """

    store: str
    background: Background
    cluster: Cluster
    crowd: Crowd
    database: Database
    redis: EmbeddedRedis
    sums: SumKeeper
    disk: SmallDisk
    postgres: PostgresServer | None = None
    proxies: Mapping[str, CuttingProxy] = field(default_factory=dict)
    balancer: RoundRobin | None = None
    _keeping: bool = field(default=True)

    def begin(self, n_devices: int) -> None:
        """Start the processes, put a catalogue, enrol the devices, and wait for a first version."""
        self.background.call(migrate(self.database))
        self.cluster.start()
        self.background.call(self._put_items())
        self.background.call(self.crowd.enrol(n_devices, SERVER_KEY), 120)
        self._keeper = self.background.start(self._keep_sums())
        self.background.call(self.crowd.begin())
        self.recovered_after(time.monotonic(), "coordinator")

    async def _put_items(self) -> None:
        await self.crowd.ask(SERVER_KEY, "PUT", "/v1/users/reader", {"mode": "hosted"})
        for n in range(N_ITEMS):
            content = {"title": f"thing {n}", "categories": [f"kind {n % 3}"]}
            await self.crowd.ask(SERVER_KEY, "PUT", f"/v1/items/item-{n}", content)

    async def _keep_sums(self) -> None:
        while self._keeping:
            await asyncio.to_thread(self.sums.look)
            await asyncio.sleep(SUMS_EVERY_S)

    def end(self) -> None:
        """Let the crowd rest, then stop the processes."""
        try:
            self.background.call(self.crowd.end())
        finally:
            self._keeping = False
            self._keeper.result(10)
            self.cluster.stop()
            self.background.call(self.database.close())

    def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until it happened.

        Raises: AssertionError with what every process said last.
        """
        deadline = time.monotonic() + HANGS_S
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}\n{self.cluster.ends_of_logs()}")
            time.sleep(LOOK_S)

    def published(self) -> int:
        """How many rounds have published a version; -1 while the database is away."""
        return self.background.call(self._published())

    async def _published(self) -> int:
        query = "SELECT count(*) FROM versions WHERE round_id IS NOT NULL"
        try:
            async with self.database.read() as connection:
                return int((await connection.exec_driver_sql(query)).scalar_one())
        except Exception:
            return -1

    def recovered_after(self, since: float, kind: str) -> float:
        """Seconds from `since` to the next accepted update, or for a coordinator the next version.

        since: by `time.monotonic`.
        """
        if kind == "coordinator":
            before = self.published()
            self.wait_for(lambda: self.published() > before >= 0, "no version is published")
            return time.monotonic() - since
        n = len(self.crowd.accepted_at)
        self.wait_for(lambda: len(self.crowd.accepted_at) > n, "no update is accepted")
        return next(at for at in self.crowd.accepted_at[n:]) - since

    def kill_at(self, point: CrashPoint, kind: str = "replica") -> ServerProcess:
        """Arm the point and wait until a process has died there; a reducer only if it is named."""
        self.cluster.arm(point, kind)
        return self.fallen_at(point)

    def fallen_at(self, point: CrashPoint) -> ServerProcess:
        """Wait until a process has died at a point that is armed."""
        self.wait_for(lambda: bool(self.cluster.fallen()), f"nobody reached {point}")
        (fallen,) = self.cluster.fallen()
        return fallen

    def restart(self, fallen: ServerProcess) -> Recovery:
        """Start a killed process again, and wait until it did what it is there for."""
        since = time.monotonic()
        fallen.start()
        wall_s = self.recovered_after(since, fallen.kind)
        return Recovery(wall_s, fallen.cpu_s)

    def reads(self, n: int) -> int:
        """Ask for `n` recommendations; how many were answered with a list."""
        return self.background.call(self._reads(n))

    async def _reads(self, n: int) -> int:
        headers = {"Authorization": f"Bearer {SERVER_KEY}"}
        sent = request("GET", "/v1/users/reader/recommendations?limit=5", headers, b"")
        answers = [await self.crowd.connections.exchange(sent) for _ in range(n)]
        return sum(answer.status == 200 for answer in answers)

    def check(self) -> Checked:
        """The books as they are now, with every device still at work."""
        receipts = self.crowd.receipts
        self.sums.look()
        ledger = self.background.call(read_ledger(self.database))
        self.sums.look()
        strange, self.crowd.strange = self.crowd.strange, []
        assert not strange, strange[:5]
        return check_books(ledger, receipts, self.sums, SECRET.encode())
