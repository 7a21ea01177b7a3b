"""What the audit keeps of old versions, and what it can still say of them."""

import time

import pytest
from sqlalchemy import select

from app.audit.verification import AuditOptions, CannotRebuildError
from app.coordinator import retention, retention_repository, sweeping
from app.coordinator.reducing import sum_name
from app.settings import Settings
from app.store.tables import versions
from tests.app.audit_world import found_at, publish_rounds, verify
from tests.app.round_world import RoundWorld


class TestRetention:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"audit_versions": 3, "rankable_versions": 2})

    async def test_old_versions_keep_their_record_and_little_else(
        self, world: RoundWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (retention, retention_repository):
            monkeypatch.setattr(module, "CHECKPOINT_EVERY", 4)
        monkeypatch.setattr(sweeping, "GRACE_S", -1.0)
        await publish_rounds(world, 6)
        await sweeping.sweep(world.state, time.time())
        blobs = world.state["blobs"]
        findings, broken = await verify(world)
        assert broken is None
        assert [one.version for one in findings] == list(range(1, 13))
        # The newest three are 10 to 12; 8 is the newest checkpoint before them.
        outcomes = {one.version: one.rebuilt.outcome for one in findings if one.rebuilt}
        assert outcomes == {8: "checkpoint", **dict.fromkeys((9, 10, 11, 12), "identical")}
        sums = {one.version: one.sum for one in findings if one.sum}
        assert set(sums.values()) == {"checked", "pruned"}
        assert [version for version, word in sums.items() if word == "checked"] == [9, 10, 11, 12]
        assert len(blobs.names("sums")) == 4
        assert len(blobs.names("models")) == 4  # checkpoint 8, and what can be gone back to
        assert len(blobs.names("bundles")) == 5  # those of four rounds, and of the open one
        with pytest.raises(CannotRebuildError, match="oldest version that can be rebuilt is 8"):
            await verify(world, AuditOptions(version=7))

    async def test_a_sum_that_was_pruned_early_is_missed(self, world: RoundWorld) -> None:
        world.state["blobs"].delete("sums", sum_name(3))
        assert await found_at(world) == (6, "sum")

    async def test_the_tables_agree_on_what_a_checkpoint_is(self, world: RoundWorld) -> None:
        async with world.state["database"].read() as connection:
            kept = await retention_repository.checkpoints(connection, base=1)
            rows = list(await connection.execute(select(versions).order_by(versions.c.id)))
        expected = [row.model_digest for row in rows if retention.is_checkpoint(row.id, row.kind)]
        assert sorted(one.model_digest for one in kept) == sorted(expected)
