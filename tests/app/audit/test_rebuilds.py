"""`twofold audit verify`: versions that are rebuilt from their records."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from app.audit import rebuilding
from app.audit.rebuilding import Rebuilt
from app.audit.verification import AuditOptions, CannotRebuildError
from app.coordinator import candidate
from app.coordinator.reducing import sum_name
from app.store.blobs import digest_of
from tests.app import forgery
from tests.app.audit_world import CHAIN_ONLY, found_at, verify
from tests.app.forgery import Books
from tests.app.round_world import RoundWorld


class TestRebuild:
    async def test_a_sum_and_a_chain_forged_together(self, world: RoundWorld) -> None:
        """All digests agree; only that the version does not follow from its sum gives it away."""
        books, blobs = Books(world, 3), world.state["blobs"]
        name = sum_name((await books.row()).round_id)
        body = blobs.get("sums", name)
        assert body is not None
        forged = body[:-200] + forgery.one_byte(body[-200:-100], random.Random(1)) + body[-100:]
        assert len(forged) == len(body)
        assert forged != body
        blobs.put("sums", name, forged)
        await forgery.rewrite_chain(books, sum=digest_of(forged))
        assert (await verify(world, CHAIN_ONLY))[1] is None
        at, _ = await found_at(world, AuditOptions())
        assert at == 3
        at, _ = await found_at(world, AuditOptions(version=3))
        assert at == 3
        assert (await verify(world, AuditOptions(version=2)))[1] is None

    @pytest.mark.parametrize(
        ("change", "field"),
        [({"metrics": {"n": 3, "loss": 0.1}}, "metrics"), ({"gate": "waved through"}, "gate")],
    )
    async def test_what_a_sum_does_not_say(
        self, world: RoundWorld, change: dict[str, Any], field: str
    ) -> None:
        await forgery.rewrite_chain(Books(world, 2), **change)
        assert await found_at(world, AuditOptions()) == (2, field)

    async def test_every_round_is_the_recorded_one_byte_for_byte(self, world: RoundWorld) -> None:
        before = {folder: world.state["blobs"].names(folder) for folder in ("models", "shards")}
        findings, broken = await verify(world)
        assert broken is None
        outcomes = [one.rebuilt.outcome for one in findings if one.rebuilt]
        # A change of the catalogue while a version waits makes two: one to serve, one to train.
        made = ["checkpoint", "identical", "identical", "checkpoint", "checkpoint", "identical"]
        assert outcomes == made
        sums = [None, "checked", "checked", None, None, "checked"]
        assert [one.sum for one in findings] == sums
        after = {folder: world.state["blobs"].names(folder) for folder in before}
        assert after == before  # a rebuild is made in memory

    async def test_one_version_alone(self, world: RoundWorld) -> None:
        findings, broken = await verify(world, AuditOptions(version=3))
        assert broken is None
        assert [one.version for one in findings] == [1, 2, 3, 4, 5, 6]
        assert [one.version for one in findings if one.rebuilt] == [1, 2, 3]
        for version in (7, 10**6):
            with pytest.raises(CannotRebuildError, match=f"no version {version}"):
                await verify(world, AuditOptions(version=version))

    async def test_the_recorded_number_of_threads_is_taken(
        self, world: RoundWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = json.loads((await Books(world, 2).row()).record)
        assert record["build"]["torch"] == str(torch.__version__)
        seen: list[int] = []
        make = rebuilding.make_round_version

        def note(*arguments: Any) -> Any:
            seen.append(torch.get_num_threads())
            return make(*arguments)

        monkeypatch.setattr(rebuilding, "make_round_version", note)
        threads = torch.get_num_threads()
        torch.set_num_threads(threads + 1)
        try:
            assert (await verify(world))[1] is None
            assert torch.get_num_threads() == threads + 1
        finally:
            torch.set_num_threads(threads)
        assert seen == [threads] * 3

    async def test_an_erased_member_does_not_break_the_chain(self, world: RoundWorld) -> None:
        answer = await world.server.delete("/v1/users/user-0")
        assert answer.status_code < 300
        assert (await verify(world))[1] is None


class TestAnotherBuild:
    """Rebuilt on another build than the recorded one: the last digits may differ, and no more."""

    @pytest.fixture
    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        """Let every rebuild say that it is of another build, and be off by so much."""
        make = rebuilding.make_round_version

        def take(off: float) -> None:
            def made(blobs: Any, parent: Any, closed: Any, secret: bytes) -> Any:
                parent.state.tower.residual.data += off
                with monkeypatch.context() as patched:
                    patched.setattr(candidate, "present_build", lambda: {"torch": "9.9"})
                    return make(blobs, parent, closed, secret)

            monkeypatch.setattr(rebuilding, "make_round_version", made)

        return take

    async def test_within_the_bound(
        self, world: RoundWorld, elsewhere: Callable[[float], None]
    ) -> None:
        elsewhere(1e-5)
        findings, broken = await verify(world)
        assert broken is None
        rebuilt = [one.rebuilt for one in findings if one.rebuilt]
        # Between checkpoints no table is kept; the newest version's is.
        expected = ["checkpoint", *["not_compared"] * 2, *["checkpoint"] * 2, "within_bound"]
        assert [one.outcome for one in rebuilt] == expected
        assert rebuilt[-1].difference == pytest.approx(1e-5, rel=0.2)

    async def test_beyond_the_bound(
        self, world: RoundWorld, elsewhere: Callable[[float], None]
    ) -> None:
        elsewhere(1e-2)
        assert await found_at(world, AuditOptions()) == (6, "model")

    async def test_the_same_bytes_all_the_same(
        self, world: RoundWorld, elsewhere: Callable[[float], None]
    ) -> None:
        elsewhere(0.0)
        findings, _ = await verify(world)
        assert findings[-1].rebuilt == Rebuilt("identical")
