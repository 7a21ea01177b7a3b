"""What old versions and ended rounds leave: kept while somebody may need it, gone before long."""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.coordinator import retention, retention_repository, sweeping
from app.coordinator.sweeping import GRACE_S, sweep
from app.coordinator.tick import SWEEP_PERIOD_S
from app.settings import Settings
from app.store.tables import versions
from tests.app.device_by_hand import HandDevice, update_body
from tests.app.round_world import RoundWorld, small_rounds
from tests.faults.disk import SmallDisk

ONE_EACH = {"cohort_target": 1, "cohort_min": 1}


async def publish(world: RoundWorld, device: HandDevice, n: int) -> None:
    """As many rounds of one device as it takes for n versions, however often the disk is full."""
    for seed in range(n):
        _, answer = await world.deliver(device, seed)
        assert answer.status_code == 201
        await world.tick()


async def models(world: RoundWorld) -> list[str]:
    """Training states of all versions, oldest first."""
    async with world.state["database"].read() as connection:
        rows = await connection.execute(select(versions.c.model_digest).order_by(versions.c.id))
        return list(rows.scalars())


class TestModels:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        few = {"rankable_versions": 1, "audit_versions": 1}
        return small_rounds(settings, **ONE_EACH).model_copy(update=few)

    @pytest.fixture
    async def old(self, world: RoundWorld) -> list[str]:
        """Those of versions that nobody needs any more; nothing was old enough to go yet."""
        (ada,) = await world.enrol("ada")
        await publish(world, ada, 6)
        named = await models(world)
        assert set(named) <= set(world.state["blobs"].names("models"))
        return named[1:-3]

    async def test_a_young_one_stays_and_so_does_one_that_no_version_names(
        self, world: RoundWorld, old: list[str]
    ) -> None:
        blobs = world.state["blobs"]
        unnamed = blobs.put_content("models", b"of a version that is about to be published")
        await sweep(world.state, time.time())
        assert {*old, unnamed} <= set(blobs.names("models"))
        # Nothing newer was written in its folder: nobody knows how slow its coordinator is.
        await sweep(world.state, time.time() + 100 * GRACE_S)
        assert unnamed in blobs.names("models")

    async def test_an_old_one_goes_even_if_none_is_newer(
        self, world: RoundWorld, old: list[str]
    ) -> None:
        await sweep(world.state, time.time() + GRACE_S + 60.0)
        assert not set(old) & set(world.state["blobs"].names("models"))
        world.restart()
        await world.tick()  # what is needed is there
        (bob,) = await world.enrol("bob")
        await publish(world, bob, 1)

    async def test_a_coordinator_looks_again_by_itself(
        self, world: RoundWorld, old: list[str]
    ) -> None:
        blobs = world.state["blobs"]
        for name in blobs.names("models"):
            at = time.time() - 10 * GRACE_S
            os.utime(blobs.path("models", name), (at, at))
        await world.tick(after_s=1.0)
        assert set(old) <= set(blobs.names("models"))
        await world.tick(after_s=SWEEP_PERIOD_S)
        assert not set(old) & set(blobs.names("models"))


class TestFullDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[SmallDisk]:
        disk = SmallDisk(tmp_path / "disk", size_mib=48)
        yield disk
        disk.remove()

    @pytest.fixture
    def settings(self, settings: Settings, disk: SmallDisk) -> Settings:
        if disk.why_not is not None:
            pytest.skip(disk.why_not)
        few: dict[str, Any] = {"rankable_versions": 1, "audit_versions": 1}
        small = small_rounds(settings, **ONE_EACH)
        return small.model_copy(update={**few, "data_dir": disk.folder / "data"})

    async def test_that_our_own_models_filled_gets_free_by_itself(
        self, world: RoundWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweeping, "GRACE_S", 1e9)  # rounds follow each other that fast
        (ada,) = await world.enrol("ada")
        n_full = 0
        for seed in range(20):
            await ada_delivers(world, ada, seed)
            for _ in range(3):
                n_full += await finds_no_room(world)
            assert (await world.state_of(seed + 1))["phase"] == "published"
        assert n_full > 0, "the disk is too large for this test"


async def finds_no_room(world: RoundWorld) -> bool:
    """Whether a tick failed because the disk is full."""
    try:
        await world.tick()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return True
    return False


async def ada_delivers(world: RoundWorld, ada: HandDevice, seed: int) -> None:
    _, answer = await world.deliver(ada, seed)
    assert answer.status_code == 201, answer.text


class TestBundles:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        buffered = {"max_staleness": 2, "concurrency": 4, "pause_s": 600.0, "lease_s": 300.0}
        small = small_rounds(settings, **ONE_EACH, **buffered)
        return small.model_copy(update={"audit_versions": 1})

    @pytest.fixture(autouse=True)
    def nothing_else_keeps_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither its youth nor the audit, to which every version here is a checkpoint."""
        monkeypatch.setattr(sweeping, "GRACE_S", -1.0)
        for module in (retention, retention_repository):
            monkeypatch.setattr(module, "CHECKPOINT_EVERY", 1)

    async def test_one_stays_between_two_rounds_as_long_as_a_lease_on_it_runs(
        self, world: RoundWorld
    ) -> None:
        slow, ada = await world.enrol("slow", "ada")
        lease = (await slow.check_in())["assignment"]
        await publish(world, ada, 1)
        assert (await world.round()).state.phase == "published"
        await world.tick(after_s=290.0)
        await sweep(world.state, time.time())
        assert (await bundle_of(slow, lease)).status_code == 200
        await world.tick(after_s=20.0)
        await sweep(world.state, time.time())
        assert (await bundle_of(slow, lease)).status_code == 404

    async def test_the_next_round_takes_the_update_that_was_made_from_it(
        self, world: RoundWorld
    ) -> None:
        slow, ada = await world.enrol("slow", "ada")
        lease = (await slow.check_in())["assignment"]
        await publish(world, ada, 1)
        await sweep(world.state, time.time())
        await slow.download(lease)
        answer = await world.server.post("/v1/rounds", json={})
        assert answer.status_code == 202, answer.text
        await world.tick()
        receipt = (await slow.put(lease["upload_url"], update_body(lease, 5))).json()
        assert (receipt["round"], receipt["staleness"]) == (2, 1)


async def bundle_of(device: HandDevice, lease: dict[str, Any]) -> httpx.Response:
    return await device.client.get(lease["bundle_url"])
