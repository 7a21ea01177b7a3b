"""Bringing a shop to life: its catalogue on the service, its shoppers each on a device."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from clients.python.fleet import Fleet
from clients.python.model_store import ModelStore
from clients.python.options import DeviceOptions
from clients.python.service_client import ServiceClient
from clients.python.session import RetryPolicy
from clients.python.transport import Transport
from evaluation.demo.shop import Shop

CATALOGUE_DEADLINE_S = 60.0
THREADS = 3
# Devices of the demo live minutes, not months: they ask again soon after an outage.
RETRY = RetryPolicy(first_s=0.3, most_s=3.0, permanent_s=5.0)

Step = Callable[[str], None]
"""Told what is being done."""


def import_catalogue(client: ServiceClient, shop: Shop) -> int:
    """Send the catalogue and wait for the model version that has all of it; returns the version.

    Raises: RuntimeError when the service rejects an item or publishes nothing in time.
    """
    report = client.import_items({"id": i.id, **asdict(i.content)} for i in shop.dataset.items)
    if report["rejected"]:
        raise RuntimeError(f"the service rejected items: {report['errors']}")
    deadline = time.monotonic() + CATALOGUE_DEADLINE_S
    while time.monotonic() < deadline:
        newest = client.current_version()
        if newest is not None and newest["n_items"] == len(shop.dataset.items):
            return newest["version"]
        time.sleep(0.2)
    raise RuntimeError("the service published no version with the whole catalogue")


def enrol_shoppers(
    client: ServiceClient, url: str, shop: Shop, folder: Path, seed: int, models: ModelStore
) -> Fleet:
    """One device per shopper, each holding its own training history and nothing else of anybody.

    models: downloads of public item tables, shared by the devices of this process for ranking;
    what a round needs, each device fetches for itself.
    """

    def code_of(user: str) -> tuple[str, str]:
        client.put_user(user, "device")
        return user, client.enrolment_code(user)

    with ThreadPoolExecutor(THREADS) as pool:
        codes = dict(pool.map(code_of, shop.split.train))
    fleet = Fleet.enrol(
        folder,
        url,
        codes,
        Transport(),
        threads=THREADS,
        seed=seed,
        models=models,
        options=DeviceOptions(retry=RETRY, seed=seed),
    )
    for device in fleet.devices:
        device.record_all(shop.split.train[device.identity.user_id])
    return fleet
