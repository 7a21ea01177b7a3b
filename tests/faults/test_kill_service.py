"""kill -9 of the whole service in the middle of rounds: the devices carry on, nothing is lost."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clients.python.device import Device
from clients.python.fleet import Fleet
from clients.python.model_store import ModelStore
from clients.python.outcomes import Accepted, Outcome
from clients.python.service_client import ServiceClient
from clients.python.transport import Transport
from evaluation.demo.population import enrol_shoppers, import_catalogue
from evaluation.demo.service_process import ServiceProcess
from evaluation.demo.shop import Shop
from recsys.datasets import sample_shop
from recsys.splits import hold_out_last

KILLS = 3
ROUNDS = 6
DEADLINE_S = 180.0
ENVIRONMENT = {
    "TWOFOLD_DIM": "8",
    "TWOFOLD_ROUND_COHORT_TARGET": "12",
    "TWOFOLD_ROUND_COHORT_MIN": "4",
    "TWOFOLD_ROUND_DEADLINE_S": "20",
    "TWOFOLD_ROUND_LEASE_S": "6",
    "TWOFOLD_RETRY_WINDOW_S": "0.1,1",
    "TWOFOLD_TICK_S": "0.05",
}

pytestmark = pytest.mark.faults


@dataclass
class Witness:
    """A device that remembers every receipt it was given."""

    device: Device
    receipts: list[str] = field(default_factory=list)

    def take_part(self, now: float) -> Outcome:
        outcome = self.device.take_part(now)
        if isinstance(outcome, Accepted):
            self.receipts.append(outcome.receipt.assignment)
        return outcome


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    process = ServiceProcess(tmp_path / "service", ENVIRONMENT)
    process.start()
    yield process
    process.stop()


def rows(service: ServiceProcess, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(service.data_dir / "twofold.db", timeout=10)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def in_mid_round(service: ServiceProcess) -> bool:
    """Whether an open round has some of its updates, and not all."""
    found = rows(
        service,
        "SELECT count(u.assignment_id) FROM rounds r JOIN updates u ON u.round_id = r.id "
        "WHERE r.phase IN ('selecting', 'training') GROUP BY r.id",
    )
    return any(2 <= int(str(count)) <= 9 for (count,) in found)


def published(service: ServiceProcess) -> int:
    return len(rows(service, "SELECT id FROM rounds WHERE phase = 'published'"))


def wait_for(
    condition: Callable[[ServiceProcess], bool], service: ServiceProcess, deadline: float
) -> None:
    while not condition(service):
        assert time.monotonic() < deadline, "the service stopped making progress"
        time.sleep(0.005)


def test_nothing_acknowledged_is_lost_or_counted_twice(
    service: ServiceProcess, tmp_path: Path
) -> None:
    dataset = sample_shop.generate(seed=1, n_items=260, n_shoppers=30)
    shop = Shop(dataset, hold_out_last(dataset, "purchase"), None)
    models = ModelStore(tmp_path / "model", keep=True)
    with ServiceClient(service.url, service.server_key) as client:
        import_catalogue(client, shop)
        enrolled = enrol_shoppers(client, service.url, shop, tmp_path / "devices", 1, models)
    witnesses = [Witness(device) for device in enrolled.devices]
    deadline = time.monotonic() + DEADLINE_S
    with enrolled, Fleet(witnesses, Transport(), threads=3) as fleet:  # type: ignore[arg-type]
        done = threading.Event()
        runner = threading.Thread(target=fleet.run, args=(lambda _: done.is_set(),))
        runner.start()
        try:
            for _ in range(KILLS):
                wait_for(in_mid_round, service, deadline)
                os.kill(service.pid, signal.SIGKILL)
                time.sleep(0.5)  # devices run into the outage
                service.keep_alive()
            wait_for(lambda s: published(s) >= ROUNDS, service, deadline)
        finally:
            done.set()
            runner.join()
    assert service.restarts == KILLS
    check_books(service, [receipt for w in witnesses for receipt in w.receipts])


def check_books(service: ServiceProcess, receipts: list[str]) -> None:
    """Every receipt has its one row, and every version was made of exactly its round's rows."""
    stored = Counter(str(a) for (a,) in rows(service, "SELECT assignment_id FROM updates"))
    assert set(receipts) <= set(stored), "an acknowledged update is gone"
    assert max(Counter(receipts).values()) == 1, "a device was given two receipts for one update"
    per_round = dict(rows(service, "SELECT round_id, count(*) FROM updates GROUP BY round_id"))
    versions = rows(service, "SELECT round_id, record FROM versions WHERE round_id IS NOT NULL")
    assert len(versions) >= ROUNDS
    for round_id, record in versions:
        assert isinstance(record, bytes)
        assert json.loads(record)["count"] == per_round[round_id]
    accounts = rows(
        service,
        "SELECT a.round_id, a.user_id FROM updates u JOIN assignments a ON a.id = u.assignment_id",
    )
    assert max(Counter(accounts).values()) == 1, "an account counts twice in one round"


def test_children_die_with_the_service(service: ServiceProcess) -> None:
    deadline = time.monotonic() + 20
    while len(children := descendants(service.pid)) < 2:  # the cache server and the coordinator
        assert time.monotonic() < deadline, "the service has not started its children"
        time.sleep(0.05)
    os.kill(service.pid, signal.SIGKILL)
    while any(_lives(child) for child in children):
        assert time.monotonic() < deadline, "a child outlived the service"
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
