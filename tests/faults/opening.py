"""Puts a service under fault together: stores, proxies before them, processes, devices."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from app.cache.embedded import EmbeddedRedis
from app.store.database import Database
from tests.faults.background import Background
from tests.faults.books import SumKeeper
from tests.faults.cluster import Cluster
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.disk import SmallDisk
from tests.faults.fault_world import FaultWorld
from tests.faults.http_messages import Connections
from tests.faults.network import Machine
from tests.faults.postgres import PostgresServer
from tests.faults.round_robin import RoundRobin
from tests.faults.witnesses import Crowd


def open_world(
    stack: ExitStack,
    folder: Path,
    background: Background,
    counts: Mapping[str, int],
    postgres: PostgresServer | None,
    settings: Mapping[str, str] | None = None,
    *,
    is_cuttable: bool = True,
    machine: Machine | None = None,
) -> FaultWorld:
    """A service whose processes are not started yet. postgres None: on SQLite.

    is_cuttable: a proxy stands before Postgres, which costs more than the queries do. More than one
    replica stands behind a round-robin proxy. machine: where the processes run. The stack closes
    everything.
    """
    disk = SmallDisk(folder / "disk")
    stack.callback(disk.remove)
    redis = EmbeddedRedis(folder / "redis")
    redis.start()
    stack.callback(redis.stop)
    straight, proxies = f"sqlite+aiosqlite:///{disk.folder / 'twofold.db'}", {}
    urls = dict.fromkeys(counts, straight)
    if postgres is not None:
        postgres.create(folder.name)
        straight = postgres.url(folder.name)
        near = straight if machine is None else postgres.url(folder.name, machine.near("back"))
        urls = dict.fromkeys(counts, near)
    if postgres is not None and is_cuttable:
        proxies = {kind: CuttingProxy(background, "127.0.0.1", postgres.port) for kind in counts}
        urls = {kind: postgres.url(folder.name, port=proxies[kind].port) for kind in counts}
    for proxy in proxies.values():
        stack.callback(proxy.close)
    stores = {
        kind: {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_REDIS_URL": redis.url}
        for kind, url in urls.items()
    }
    host, prefix = "127.0.0.1", {}
    if machine is not None:
        host, prefix = machine.far("front"), dict.fromkeys(counts, machine.prefix)
    cluster = Cluster(folder, disk.folder / "data", stores, counts, settings, prefix, host)
    stack.callback(cluster.stop)
    balancer = None
    if len(cluster.ports) > 1:
        balancer = RoundRobin(background, cluster.ports)
        stack.callback(balancer.close)
    port = cluster.ports[0] if balancer is None else balancer.port
    return FaultWorld(
        store="sqlite" if postgres is None else "postgres",
        background=background,
        cluster=cluster,
        crowd=Crowd(Connections(host, port)),
        database=Database(straight),
        redis=redis,
        sums=SumKeeper(cluster.data / "blobs"),
        disk=disk,
        postgres=postgres,
        proxies=proxies,
        balancer=balancer,
    )
