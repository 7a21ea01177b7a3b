"""Devices and the API client against the real service: real rounds, real kills, over real HTTP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from clients.python.commands import device_app
from clients.python.device import Device
from clients.python.fleet import Fleet
from clients.python.fleet_counts import FleetCounts
from clients.python.model_store import ModelStore
from clients.python.model_sync import Synced
from clients.python.objections import Objection
from clients.python.options import DeviceOptions
from clients.python.outcomes import Accepted, Dropped, Ended, Waits
from clients.python.problems import ServiceProblem
from clients.python.receipt_audit import DeviceAudit
from clients.python.receipt_book import ReceiptBook
from clients.python.service_answers import Round
from clients.python.service_batches import hosted_events
from clients.python.service_client import ServiceClient
from clients.python.session import RetryPolicy
from clients.python.transport import Transport
from evaluation.demo.service_process import ServiceProcess
from federation.canonical import digest
from recsys.datasets.interactions import Event
from tests.clients.deadly_transport import DEADLY

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "TWOFOLD_DIM": "16",
    "TWOFOLD_HISTORY_LENGTH": "50",
    "TWOFOLD_RETRY_WINDOW_S": "0.05,0.2",
    "TWOFOLD_ROUND_COHORT_TARGET": "3",
    "TWOFOLD_ROUND_COHORT_MIN": "2",
    "TWOFOLD_ROUND_DEADLINE_S": "60",
    "TWOFOLD_ROUND_LEASE_S": "60",
}
ITEMS = ["a/b", "%2F", "😀" * 32, "x" * 128, "..", *(f"item {n}" for n in range(25))]
OPTIONS = DeviceOptions(retry=RetryPolicy(first_s=0.1, most_s=1.0))
DEADLINE_S = 90.0


@dataclass
class Shop:
    """A running service with a catalogue."""

    process: ServiceProcess
    client: ServiceClient
    folder: Path

    def enrol(self, *users: str) -> Fleet:
        """A fleet of one device per user, each with its own dozen events."""
        codes = {}
        for user in users:
            self.client.put_user(user, "device")
            codes[user] = self.client.enrolment_code(user)
        url, models = self.client.base_url, ModelStore(self.folder / "model", "float32")
        fleet = Fleet.enrol(
            self.folder / "devices", url, codes, Transport(), models=models, options=OPTIONS
        )
        for n, device in enumerate(fleet.devices):
            events = [Event(ITEMS[(n + 3 * at) % 30], "view", float(at)) for at in range(12)]
            device.record_all(events)
        return fleet

    def serves(self, version: int) -> bool:
        """Whether the API's worker ranks with the version."""
        return bool(self.client.ready()["stores"]["model_version"] == version)

    def kill(self) -> None:
        """kill -9 of the service; its coordinator and its cache die with it."""
        os.kill(self.process.pid, signal.SIGKILL)

    def restarted(self) -> bool:
        """Start the service again, once it is seen to be dead."""
        self.process.keep_alive()
        return self.process.restarts == 1

    def published(self) -> list[Round]:
        return [entry for entry in self.client.rounds() if entry["phase"] == "published"]


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def open_shop(folder: Path) -> Iterator[Shop]:
    process = ServiceProcess(folder / "service", SETTINGS)
    process.start()
    with ServiceClient(process.url, process.server_key) as client:
        items = [{"id": item, "title": f"Thing {n}"} for n, item in enumerate(ITEMS)]
        assert client.import_items(items)["created"] == len(ITEMS)
        wait_for(lambda: (client.current_version() or {"n_items": 0})["n_items"] == len(ITEMS))
        yield Shop(process, client, folder)
    process.stop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One service for the tests that leave it as they found it: with no lease out."""
    yield from open_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def own_shop(tmp_path: Path) -> Iterator[Shop]:
    """A service for one test: to kill, or to have all its rounds to itself."""
    yield from open_shop(tmp_path)


def test_a_wrong_key_is_a_problem(shop: Shop) -> None:
    stranger = ServiceClient(shop.client.base_url, "tf_server_wrong")
    with stranger, pytest.raises(ServiceProblem) as found:
        stranger.put_user("u")
    assert (found.value.status, found.value.reason) == (401, "key_invalid")


def test_a_wrong_field_is_named(shop: Shop) -> None:
    with pytest.raises(ServiceProblem) as found:
        shop.client.put_user("u", "invisible")
    assert found.value.status == 422
    assert [field for field, _ in found.value.errors] == ["mode"]
    items = [{"id": "fine"}, {"id": "", "title": "no id"}, {"id": "x" * 200}]
    report = shop.client.import_items(items)
    assert (report["created"], report["rejected"]) == (1, 2)
    assert [error["line"] for error in report["errors"]] == [2, 3]
    shop.client.delete_item("fine")


def test_an_unknown_code_enrols_nobody(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ServiceProblem, match="code_unknown"):
        Device.enrol(tmp_path, shop.client.base_url, "guess")


def test_a_hosted_users_device_stays_out(shop: Shop, tmp_path: Path) -> None:
    shop.client.put_user("hosted/1", "hosted")
    code = shop.client.enrolment_code("hosted/1")
    with Device.enrol(tmp_path, shop.client.base_url, code, options=OPTIONS) as device:
        outcome = device.take_part()
    assert isinstance(outcome, Dropped)
    assert outcome.reason == "history_is_hosted"


def test_a_withdrawn_device_ends(shop: Shop) -> None:
    with shop.enrol("leaving") as fleet:
        (device,) = fleet.devices
        shop.client.revoke_device(device.identity.device_id)
        assert isinstance(device.take_part(), Ended)


def test_any_user_id_has_a_device(shop: Shop) -> None:
    for user in ("a/b", "%2F", "😀" * 32, "x" * 128, "..", "?#&="):
        with shop.enrol(user) as fleet:
            assert fleet.devices[0].identity.user_id == user
        assert shop.client.user(user)["mode"] == "device"
        assert shop.client.user_events(user) == []


def test_two_rounds_by_three_requests_each(shop: Shop) -> None:
    before = len(shop.published())
    deadline = time.monotonic() + DEADLINE_S

    def enough(_: FleetCounts) -> bool:
        assert time.monotonic() < deadline, "the rounds did not end in time"
        return len(shop.published()) >= before + 2

    with shop.enrol("ann", "bob", "cem") as fleet:
        counts = fleet.run(enough)
        rounds = shop.published()[:2]
        assert counts.accepted >= 5
        assert counts.failures == counts.declined == counts.replays == 0
        for entry in rounds:
            assert (entry["accepted"], entry["expired"]) == (3, 0)
            assert entry["requests_per_update"] is not None
            assert entry["requests_per_update"] <= 3.0
            assert entry["metrics"] is not None
            assert entry["metrics"]["n"] == 3
        newest, older = shop.client.versions(2)
        assert newest["parent"] == older["version"]
        assert newest["round"] == rounds[0]["id"]


def test_the_device_ranks_as_the_service_does(shop: Shop) -> None:
    with shop.enrol("dee") as fleet:
        (device,) = fleet.devices
        assert isinstance(device.sync(), Synced)
        assert isinstance(device.sync(), Synced)
        vector = device.user_vector()
        assert vector is not None
        # The API's worker follows a new version within a moment.
        wait_for(lambda: shop.serves(vector.model_version))
        found = shop.client.recommendations_for_vector(
            vector.values, vector.model_version, k=len(ITEMS)
        )
        listed = [item["item_id"] for item in found["items"]]
        touched = {event.item_id for event in device.events}
        own = [entry.item_id for entry in device.recommend(len(ITEMS))]
        assert own == [item for item in listed if item not in touched]
        assert len(own) == len(ITEMS) - len(touched)


def test_lists_for_a_hosted_user_and_a_session(shop: Shop) -> None:
    user = "hosted/2"
    shop.client.put_user(user, "hosted")
    events = list(hosted_events(user, [Event(ITEMS[0], "view", 1.0), Event(ITEMS[0], "view", 1.0)]))
    assert shop.client.post_events(events) == {"accepted": 2, "duplicates": 0}
    assert shop.client.post_events(events) == {"accepted": 0, "duplicates": 2}
    assert len(shop.client.user_events(user)) == 2
    found = shop.client.recommendations(user, k=5, exclude=[ITEMS[1], ITEMS[2]])
    ids = {item["item_id"] for item in found["items"]}
    assert len(ids) == 5
    assert not ids & set(ITEMS[:3])
    for answer in (
        shop.client.recommendations_for_session([(ITEMS[3], "cart"), (ITEMS[4], None)], k=4),
        shop.client.similar_items(ITEMS[2], k=4),
        shop.client.popular(k=4),
    ):
        assert len(answer["items"]) == 4
    assert shop.client.user_token(user)["token"].count(".") == 2


KILLED = f"""{DEADLY}
device = Device.open(sys.argv[1], transport=Deadly())
while True:
    device.take_part()
"""


@pytest.mark.faults
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_device_killed_around_its_upload_counts_once(own_shop: Shop, moment: str) -> None:
    """kill -9 between storing and sending, and between sending and hearing the receipt."""
    shop = own_shop
    with shop.enrol("victim", "eve", "fay") as fleet:
        victim = fleet.devices[0]
        # A token of its own process: the folder keeps none.
        command = [sys.executable, "-c", KILLED, str(victim.folder), moment]
        ran = subprocess.run(command, cwd=ROOT, check=False, timeout=DEADLINE_S)
        assert ran.returncode == -signal.SIGKILL
        made = (victim.folder / "pending.update").read_bytes().partition(b"\n")[2]
        others = Fleet(fleet.devices[1:], Transport())
        number = shop.client.rounds(1)[0]["id"]
        with others:
            others.run(lambda counts: counts.accepted >= 2)
        if moment == "before":  # the round misses one update, and it is this one
            assert next(r for r in shop.client.rounds() if r["id"] == number)["accepted"] == 2
        with Device.open(victim.folder, options=OPTIONS) as restarted:
            outcome = restarted.take_part()
        assert isinstance(outcome, Accepted)
        assert outcome.replayed == (moment == "after")
        assert outcome.receipt.round == number
        assert outcome.receipt.body_digest == digest(made)
        assert not (victim.folder / "pending.update").exists()
        wait_for(lambda: any(entry["id"] == number for entry in shop.published()))
        (ended,) = [entry for entry in shop.published() if entry["id"] == number]
        assert (ended["accepted"], ended["expired"]) == (3, 0)


@pytest.mark.faults
def test_a_service_killed_in_the_middle_loses_and_doubles_nothing(own_shop: Shop) -> None:
    shop = own_shop
    deadline = time.monotonic() + DEADLINE_S
    with shop.enrol("ann", "bob", "cem") as fleet:
        fleet.run(lambda counts: counts.accepted >= 4)  # within the second round
        shop.kill()
        failing = fleet.run(lambda counts: counts.failures >= 3)
        wait_for(shop.restarted)
        published = len(shop.published())

        def enough(_: FleetCounts) -> bool:
            assert time.monotonic() < deadline, "the rounds did not go on"
            return len(shop.published()) >= published + 2

        counts = fleet.run(enough)
        assert counts.accepted > failing.accepted
        # Each update that the service took was acknowledged to its device once, at the first try or
        # at a replay; each acknowledgement is of an update that the service took.
        assert sum(entry["accepted"] for entry in shop.client.rounds()) == counts.accepted
        assert all(entry["accepted"] == 3 for entry in shop.published())


def test_a_device_proves_that_its_update_was_counted_once(own_shop: Shop) -> None:
    shop = own_shop
    with shop.enrol("ann", "bob", "cem") as fleet:
        ann, bob, _ = fleet.devices
        fleet.run(lambda counts: counts.accepted >= 3)
        pending = bob.audit()
        assert isinstance(pending, DeviceAudit)
        assert {one.outcome for one in pending.standings} <= {"pending", "counted"}
        wait_for(lambda: len(shop.published()) >= 1)
        audit = ann.audit()
        assert isinstance(audit, DeviceAudit)
        first = audit.standings[0]
        assert (first.outcome, first.tree_size, first.claims.round) == ("counted", 3, 1)
        places = {device.audit().standings[0].leaf_index for device in fleet.devices}
        assert places == {0, 1, 2}
        told = CliRunner().invoke(device_app, ["receipts", str(ann.folder)])
        assert told.exit_code == 0
        assert "versions holds" in told.output
        # A service that shows another chain than before is found out.
        ReceiptBook(bob.folder).save_head(1, digest(b"another chain"))
        forked = bob.audit()
        assert isinstance(forked, Objection)
        assert forked.reason == "chain_forked"
        told = CliRunner().invoke(device_app, ["receipts", str(bob.folder)])
        assert (told.exit_code, "chain_forked" in told.output) == (1, True)


def test_a_device_alone_waits_for_a_round(shop: Shop) -> None:
    """One account has one lease per round, however often it asks."""
    with shop.enrol("gil") as fleet:
        outcomes = [fleet.devices[0].take_part(time.time() + n) for n in range(3)]
    assert isinstance(outcomes[0], Accepted | Waits)
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) <= 1
    assert np.isfinite([outcome.until for outcome in outcomes]).all()
