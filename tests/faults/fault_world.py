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
from tests.faults.processes import cpu_s
from tests.faults.recovery import Fallen, Living, Recovery
from tests.faults.round_robin import RoundRobin
from tests.faults.witnesses import Crowd

# Only a service that hangs takes so long: recovery is measured, and printed, not asserted.
HANGS_S = 45.0
LOOK_S = 0.01
SUMS_EVERY_S = 0.1
N_ITEMS = 40


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
        return self._count("versions WHERE round_id IS NOT NULL")

    def _count(self, what: str) -> int:
        return self.background.call(self._counted(f"SELECT count(*) FROM {what}"))

    async def _counted(self, query: str) -> int:
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

    def finished_after(self, since: float) -> float:
        """Seconds from `since` until no round that is closed by now waits any more."""
        self.wait_for(lambda: self._count("rounds") > 0, "the database is away")
        newest = self._count("rounds")
        closed = f"rounds WHERE phase IN ('reducing', 'gating') AND id <= {newest}"
        self.wait_for(lambda: self._count(closed) == 0, "a closed round does not end")
        return time.monotonic() - since

    def kill_at(self, point: CrashPoint, kind: str = "replica") -> Fallen:
        """Arm the point and wait until a worker has died there; a reducer only if it is named."""
        return self.fallen_at(point, self.arm(point, kind))

    def arm(self, point: CrashPoint, kind: str = "replica") -> list[Living]:
        """The next worker to reach the point dies there. Returns those that live until then."""
        processes = self.cluster.processes
        self.wait_for(lambda: all(p.worker for p in processes), "a process has no worker")
        living = [Living(p, p.worker, p.n_caught_up) for p in processes if p.worker is not None]
        self.cluster.arm(point, kind)
        return living

    def fallen_at(self, point: CrashPoint, living: list[Living]) -> Fallen:
        """Wait until one of them has died at a point that is armed."""
        self.wait_for(lambda: any(one.has_died for one in living), f"nobody reached {point}")
        at = time.monotonic()
        (died,) = (one for one in living if one.has_died)
        return Fallen(died.process, at, died.n_caught_up)

    def restart(self, fallen: Fallen) -> Recovery:
        """Wait until the dead one's work was done: by a successor that its parent has forked, or,
        where nothing is left that could, by the same command started again.
        """
        process, since, is_followed = fallen.process, fallen.at, fallen.process.is_running
        if not is_followed:
            since = time.monotonic()
            process.start()
        if process.kind == "replica":
            return Recovery(self.recovered_after(since, "replica"), cpu_s(process.pid))
        self.wait_for(lambda: process.n_caught_up > fallen.n_caught_up, "nobody has caught up")
        wall_s = self.finished_after(since)
        assert process.worker is not None, process.end_of_log()
        spent_s = cpu_s(process.worker) + (0.0 if is_followed else cpu_s(process.pid))
        return Recovery(wall_s, spent_s, self.recovered_after(since, "coordinator"))

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
