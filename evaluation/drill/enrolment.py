"""Before the first day: the shop on the service, its first version, and every device enrolled.

Done once; each plan then begins with a copy of the folder. The catalogue goes through the API. The
devices are written with the service's own queries, many to a transaction: through the API each
costs three requests, 20 ms of CPU time, and what a drill measures begins after that.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey
from sqlalchemy.ext.asyncio import AsyncConnection

from app.devices.proofs import import_public_key
from app.devices.repository import StoredDevice, add_device
from app.items.repository import lock_catalogue
from app.settings import RoundSettings, Settings
from app.store.database import Database
from app.store.migrate import migrate
from app.users.repository import StoredUser, add_user
from clients.python.keystore import DeviceKey
from clients.python.own_history import own_history
from evaluation.drill.device import Identity
from evaluation.drill.service import (
    SERVER_KEY,
    DrilledCoordinator,
    Model,
    SeededIds,
    VirtualClock,
    drill_settings,
    in_process,
)
from evaluation.drill.transport import Request, Transport
from federation.canonical import digest
from recsys.datasets import sample_shop
from recsys.datasets.interactions import Dataset
from recsys.history import History

START = 1_800_000_000.0 - 1_800_000_000.0 % 86_400.0
"""Midnight of the first day, in Unix seconds."""
FOUNDED_BEFORE_S = 14 * 86_400.0
CATALOGUE_RESTS_S = 10.0
SHOPPERS_MAX = 300
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550
"""How many private keys P-256 has."""
DEVICES_PER_TRANSACTION = 500


@dataclass(frozen=True)
class Ground:
    """What every plan begins with. histories: (as many as shoppers), as rows of the model."""

    folder: Path
    identities: tuple[Identity, ...]
    histories: tuple[History, ...]


async def prepare_ground(
    folder: Path, redis_url: str, model: Model, n_devices: int, seed: int
) -> Ground:
    """Build a service in `folder` with a published genesis and `n_devices` enrolled devices.

    Raises: RuntimeError when the service refuses any of it.
    """
    shop = sample_shop.generate(n_items=model.items, n_shoppers=min(n_devices, SHOPPERS_MAX))
    settings = drill_settings(folder, model, RoundSettings(enabled=False))
    clock = VirtualClock(START - FOUNDED_BEFORE_S)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.resolved_database_url)
    try:
        await _found_catalogue(database, seed)
        identities = await enrol_devices(database, n_devices, SeededIds(seed, "devices"), clock.now)
    finally:
        await database.close()
    ids = SeededIds(seed, "founding")
    async with in_process(settings, redis_url, clock, ids) as transport:
        await import_items(transport, shop)
        await publish_genesis(settings, redis_url, clock, seed)
        histories = await histories_in_rows(transport, shop)
    return Ground(folder, identities, histories)


async def _found_catalogue(database: Database, seed: int) -> None:
    """The schema, and a catalogue whose row key comes from the seed: it decides the genesis."""
    row_key = bytes.fromhex(digest(f"drill/{seed}/rows".encode())[-64:])
    await migrate(database)
    await database.transaction("found", lambda connection: lock_catalogue(connection, row_key))


async def enrol_devices(
    database: Database, n_devices: int, new_id: Callable[[], str], now: float
) -> tuple[Identity, ...]:
    """As many users, each with one device that holds a key of its own."""
    ids = [new_id() for _ in range(n_devices)]
    identities = [Identity(number, name, key_of(name)) for number, name in enumerate(ids)]

    for first in range(0, n_devices, DEVICES_PER_TRANSACTION):
        some = identities[first : first + DEVICES_PER_TRANSACTION]
        await database.transaction("enrol_devices", partial(_enrol, identities=some, now=now))
    return tuple(identities)


def key_of(device_id: str) -> DeviceKey:
    """A key that follows from the seeded id: the chain names what devices signed with it."""
    scalar = 1 + int.from_bytes(hashlib.sha512(f"drill/key/{device_id}".encode()).digest()) % ORDER
    pem = derive_private_key(scalar, SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return DeviceKey(ECKey.import_key(pem))


async def _enrol(connection: AsyncConnection, identities: Sequence[Identity], now: float) -> None:
    for identity in identities:
        user_id, jwk = f"drill-{identity.number:06d}", identity.key.public_jwk
        await add_user(connection, StoredUser(user_id, "device", now, now))
        thumbprint = import_public_key(jwk).thumbprint()
        device = StoredDevice(identity.id, user_id, jwk, thumbprint, now, now, None)
        await add_device(connection, device)


async def publish_genesis(
    settings: Settings, redis_url: str, clock: VirtualClock, seed: int
) -> None:
    """Let a coordinator see the catalogue, and see it at rest."""
    coordinator = DrilledCoordinator(settings, redis_url, clock, seed)
    try:
        await coordinator.open()
        await coordinator.tick()
        clock.now += CATALOGUE_RESTS_S
        await coordinator.tick()
    finally:
        await coordinator.close()


async def import_items(transport: Transport, shop: Dataset) -> None:
    """Send the catalogue."""
    lines = (json.dumps({"id": item.id, **asdict(item.content)}) for item in shop.items)
    body = "\n".join(lines).encode()
    report = await _ask(transport, "POST", "/v1/items:import", body)
    if report["rejected"]:
        raise RuntimeError(f"the service rejected items: {report['errors']}")


async def histories_in_rows(transport: Transport, shop: Dataset) -> tuple[History, ...]:
    """The shoppers' histories in rows of the newest model."""
    manifest = await _ask(transport, "GET", "/v1/models/current")
    version, named = manifest["version"], manifest["catalogue"]["digest"]
    pairs = await _ask(transport, "GET", f"/v1/models/{version}/catalogue/{named}")
    row_of = {item_id: row for row, item_id in pairs["rows"]}
    types = manifest["event_types"]
    return tuple(own_history(h, row_of, types).history for h in shop.histories.values())


async def _ask(transport: Transport, method: str, path: str, body: bytes = b"") -> Any:
    """One request of the shop's backend, which holds the server key."""
    headers = {"authorization": f"Bearer {SERVER_KEY}", "content-type": "application/x-ndjson"}
    reply = await transport.send(Request(method, path, headers, body))
    if reply.status >= 300:
        raise RuntimeError(f"{method} {path}: {reply.status} {reply.body[:500]!r}")
    return json.loads(reply.body)
