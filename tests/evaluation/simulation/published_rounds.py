"""A running service with small rounds and a few enrolled devices, and what it stored of them."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.coordinator.model import Model, load_model
from app.coordinator.planning import plan_round
from app.coordinator.repository import VersionRow
from app.models.bundle import FOLDER as BUNDLES
from app.models.bundle import Bundle, decode_bundle
from app.settings import RoundSettings
from app.store.blobs import BlobStore
from clients.python.device import Device
from clients.python.fleet import Fleet
from clients.python.model_store import ModelStore
from clients.python.options import DeviceOptions
from clients.python.outcomes import Accepted
from clients.python.own_history import own_history, within
from clients.python.service_client import ServiceClient
from clients.python.session import RetryPolicy
from clients.python.transport import Transport
from evaluation.demo.service_process import ServiceProcess
from federation.audit import AuditRecord
from federation.plan import Plan
from recsys.arrays import Ints
from recsys.datasets.interactions import Event
from recsys.history import History

USERS = ("ann", "bob", "cem", "dee", "eve", "fay")
ITEMS = [f"item {n}" for n in range(30)]
TYPES = ("view", "cart", "purchase")
# Fewer rows than items, so that histories reach outside the block; a norm that some exceed.
ROUNDS = RoundSettings(
    cohort_target=len(USERS),
    cohort_min=len(USERS),
    deadline_s=120.0,
    lease_s=120.0,
    clip_l2=0.42,
    block_rows=20,
)
SETTINGS = {
    "TWOFOLD_DIM": "16",
    "TWOFOLD_HISTORY_LENGTH": "12",
    "TWOFOLD_RETRY_WINDOW_S": "0.05,0.2",
    "TWOFOLD_ROUND_COHORT_TARGET": str(ROUNDS.cohort_target),
    "TWOFOLD_ROUND_COHORT_MIN": str(ROUNDS.cohort_min),
    "TWOFOLD_ROUND_DEADLINE_S": str(ROUNDS.deadline_s),
    "TWOFOLD_ROUND_LEASE_S": str(ROUNDS.lease_s),
    "TWOFOLD_ROUND_CLIP_L2": str(ROUNDS.clip_l2),
    "TWOFOLD_ROUND_BLOCK_ROWS": str(ROUNDS.block_rows),
}
FLEET_SEED = 7
DEADLINE_S = 90.0


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class Shop:
    """A running service whose users' devices are enrolled, and may take part."""

    client: ServiceClient
    blobs: BlobStore
    database: Path
    devices: list[Device]

    def hold_round(self) -> None:
        """Every device delivers once; then the round is published."""
        before = len(self.published())
        for device in self.devices:
            wait_for(lambda device=device: isinstance(device.take_part(), Accepted))  # type: ignore[misc]
        wait_for(lambda: len(self.published()) == before + 1)

    def published(self) -> list[AuditRecord]:
        """The records of versions that rounds made, oldest first."""
        records = [AuditRecord.from_json(body) for (body,) in self._rows("record")]
        return [record for record in records if record.kind == "round"]

    def model(self, version: int) -> Model:
        """A version as it is stored."""
        columns = "id, origin, manifest, manifest_digest, model_digest, chain"
        (row,) = (row for row in self._rows(columns) if row[0] == version)
        return load_model(self.blobs, VersionRow(*row))

    def row_key(self) -> bytes:
        (row,) = self._query("SELECT row_key FROM catalogue")
        return bytes(row[0])

    def _rows(self, columns: str) -> list[tuple]:
        return self._query(f"SELECT {columns} FROM versions ORDER BY id")

    def _query(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """The real service, in its own processes, with SQLite."""
    data = folder / "service"
    process = ServiceProcess(data, SETTINGS)
    process.start()
    try:
        with ServiceClient(process.url, process.server_key) as client:
            client.import_items([{"id": item, "title": f"Thing {item}"} for item in ITEMS])
            wait_for(lambda: (client.current_version() or {"n_items": 0})["n_items"] == len(ITEMS))
            with enrol(client, folder) as fleet:
                yield Shop(client, BlobStore(data / "blobs"), data / "twofold.db", fleet.devices)
    finally:
        process.stop()


def enrol(client: ServiceClient, folder: Path) -> Fleet:
    """A device per user, each with its own history."""
    codes = {}
    for user in USERS:
        client.put_user(user, "device")
        codes[user] = client.enrolment_code(user)
    fleet = Fleet.enrol(
        folder / "devices",
        client.base_url,
        codes,
        Transport(),
        models=ModelStore(folder / "model", "float32"),
        options=DeviceOptions(retry=RetryPolicy(first_s=0.1, most_s=1.0)),
        seed=FLEET_SEED,
    )
    rng = np.random.default_rng(3)
    for device, items in zip(fleet.devices, drawn_histories(rng), strict=True):
        types = rng.integers(0, len(TYPES), len(items))
        drawn = enumerate(zip(items, types, strict=True))
        device.record_all(Event(ITEMS[i], TYPES[t], float(at)) for at, (i, t) in drawn)
    return fleet


def drawn_histories(rng: np.random.Generator) -> list[Ints]:
    """Numbers of items per user, whatever rows the service gives them: too short to cut; three
    short ones without an item in common, so that the block holds half of at least one; long ones.
    """
    shuffled = rng.permutation(len(ITEMS))
    short = np.split(shuffled[:18], 3)
    long = [
        np.concatenate([rng.integers(0, len(ITEMS), 10), rng.permutation(len(ITEMS))])
        for _ in range(2)
    ]
    return [shuffled[:1], *short, *long]


def plan_again(parent: Model, round_id: int, row_key: bytes, folder: Path) -> tuple[Plan, Bundle]:
    """The plan and bundle of a round, made anew from its parent version."""
    blobs = BlobStore(folder)
    plan = plan_round(blobs, parent, ROUNDS, round_id, row_key, []).plan
    body = blobs.get(BUNDLES, plan.bundle)
    assert body is not None
    return plan, decode_bundle(body)


def history_of(device: Device, parent: Model, bundle: Bundle) -> History:
    """What the device trains on: positions in the bundle's rows."""
    row_of = {item: row for row, item in parent.catalogue.rows}
    known = own_history(device.events, row_of, bundle.event_types).history
    return within(known, bundle.rows).last(bundle.scalars.history_length)
