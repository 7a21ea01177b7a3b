"""A service of real processes for each store, shared by the faults that it must survive."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.cache.embedded import EmbeddedRedis
from app.store.database import Database
from tests.faults.background import Background
from tests.faults.books import SumKeeper
from tests.faults.cluster import Cluster
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.disk import SmallDisk
from tests.faults.fault_table import FaultTable, write_between
from tests.faults.fault_world import FaultWorld
from tests.faults.http_messages import Connections
from tests.faults.postgres import PostgresServer
from tests.faults.witnesses import Crowd

REPETITIONS = int(os.environ.get("TWOFOLD_FAULT_REPETITIONS", "1"))
N_DEVICES = 24
KINDS = ("replica", "coordinator")


@pytest.fixture(scope="session")
def repetitions() -> int:
    """How often each fault is made; `make faults` makes more of them than `make test`."""
    return REPETITIONS


@pytest.fixture(scope="session")
def table() -> Iterator[FaultTable]:
    """What this session finds; written to the page that TWOFOLD_FAULT_TABLE names."""
    found = FaultTable()
    yield found
    page = os.environ.get("TWOFOLD_FAULT_TABLE")
    if page:
        write_between(Path(page), found.lines())


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    """The loop of devices, proxies and queries."""
    with Background() as running:
        yield running


@pytest.fixture(scope="session")
def fault_postgres() -> Iterator[PostgresServer]:
    """A Postgres that may be crashed. Not in pytest's folder, which is closed to its user."""
    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(
    scope="session", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    background: Background,
) -> Iterator[FaultWorld]:
    """One replica and one coordinator with a crowd at work, so that whoever dies is missed."""
    folder = tmp_path_factory.mktemp(request.param)
    postgres = request.getfixturevalue("fault_postgres") if request.param == "postgres" else None
    with ExitStack() as stack:
        disk = SmallDisk(folder / "disk")
        stack.callback(disk.remove)
        redis = EmbeddedRedis(folder / "redis")
        redis.start()
        stack.callback(redis.stop)
        proxies, urls = (
            {},
            dict.fromkeys(KINDS, f"sqlite+aiosqlite:///{disk.folder / 'twofold.db'}"),
        )
        straight = urls["replica"]
        if postgres is not None:
            straight = postgres.url()
            for kind in KINDS:
                proxies[kind] = CuttingProxy(background, "127.0.0.1", postgres.port)
                stack.callback(proxies[kind].close)
                urls[kind] = postgres.url(port=proxies[kind].port)
        stores = {
            kind: {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_REDIS_URL": redis.url}
            for kind, url in urls.items()
        }
        cluster = Cluster(folder, disk.folder / "data", stores, {"replica": 1, "coordinator": 1})
        stack.callback(cluster.stop)
        found = FaultWorld(
            store=request.param,
            background=background,
            cluster=cluster,
            crowd=Crowd(Connections("127.0.0.1", cluster.ports[0])),
            database=Database(straight),
            redis=redis,
            sums=SumKeeper(cluster.data / "blobs"),
            disk=disk,
            postgres=postgres,
            proxies=proxies,
        )
        found.begin(N_DEVICES)
        yield found
        found.end()
