"""`twofold audit verify`: whatever was forged is found, and the very version is named."""

import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
import torch
from sqlalchemy import delete, select

from app.audit import rebuilding
from app.audit.rebuilding import Rebuilt
from app.audit.verification import AuditOptions, CannotRebuildError
from app.coordinator import candidate, retention, retention_repository, sweeping
from app.coordinator.reducing import sum_name
from app.settings import Settings
from app.store.blobs import digest_of
from app.store.tables import plans, rounds, versions
from app.wiring import State
from federation.plan import Plan
from tests.app import forgery
from tests.app.audit_world import publish_rounds, verify
from tests.app.conftest import FakeClock
from tests.app.device_by_hand import Connect, put_items
from tests.app.forgery import Books
from tests.app.round_world import RoundWorld, small_rounds

CHAIN_ONLY = AuditOptions(rebuild=False)
EDITS = 25
Undo = Callable[[], Awaitable[Any]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
async def world(world: RoundWorld) -> RoundWorld:
    """Versions 1 (genesis), 2 and 3 (rounds), 4 (catalogue), 5 (round)."""
    await publish_rounds(world, 2)
    await put_items(world.server, 3, first=12)
    await world.tick()
    await world.tick(after_s=1.0)
    await publish_rounds(world, 1)
    return world


async def found_at(world: RoundWorld, options: AuditOptions = CHAIN_ONLY) -> tuple[int, str]:
    """Version and field of the first break."""
    _, broken = await verify(world, options)
    assert broken is not None
    return broken.version, broken.what.split(":")[0]


async def bundle_of(books: Books) -> str:
    number = (await books.row()).round_id
    name = await books.value(rounds.c.plan_digest, rounds.c.id == number)
    body = await books.value(plans.c.body, plans.c.digest == name)
    return Plan.from_json(bytes(body)).bundle


async def forge(books: Books, target: str, dice: random.Random) -> Undo:
    """One edit of what `target` names."""
    row = await books.row()
    manifest = json.loads(row.manifest)
    if target.startswith("column "):
        return await forgery.change_column(books, target.split()[1], dice)
    if target == "members swapped":
        return await forgery.swap_members(books, dice)
    if target == "plan":
        return await forgery.change_plan(books, dice)
    if target == "update":
        return await forgery.change_update(books, dice)
    if target == "update dropped":
        return await forgery.drop_update(books, dice)
    encodings = dice.choice(list(manifest["heads"].values()))
    blob = {
        "sum": ("sums", sum_name(row.round_id or 0)),
        "bundle": ("bundles", await bundle_of(books) if row.round_id else ""),
        "training state": ("models", row.model_digest),
        "catalogue": ("catalogues", manifest["catalogue"]["digest"]),
        "shard": ("shards", dice.choice(list(encodings.values()))[0]["digest"]),
    }[target]
    return await forgery.change_blob(books, *blob, dice)


# What is forged, at which version, and the fields by which that may show.
FORGERIES = {
    "column record": (3, None),
    "column chain": (3, {"chain"}),
    "column manifest": (3, {"model"}),
    "column manifest_digest": (2, {"model"}),
    "column model_digest": (4, {"training_state"}),
    "members swapped": (3, {"record"}),
    "plan": (2, {"plan"}),
    "update": (3, {"updates_root"}),
    "update dropped": (3, {"count"}),
    "sum": (3, {"sum"}),
    "bundle": (2, {"bundle"}),
    "training state": (4, {"training_state"}),
    "catalogue": (4, {"catalogue"}),
    "shard": (5, {"shard"}),
}


@pytest.mark.parametrize("target", FORGERIES)
async def test_any_byte_that_is_changed_is_found_at_its_version(
    world: RoundWorld, target: str
) -> None:
    version, fields = FORGERIES[target]
    books, dice = Books(world, version), random.Random(target)
    for _ in range(EDITS):
        undo = await forge(books, target, dice)
        at, field = await found_at(world)
        assert at == version
        assert fields is None or field in fields
        await undo()
    assert (await verify(world, CHAIN_ONLY))[1] is None


async def test_a_parent_hash_that_is_changed_breaks_there_and_not_before(world: RoundWorld) -> None:
    await forgery.rewrite_chain(Books(world, 3), parent_chain=digest_of(b"other"))
    assert await found_at(world) == (3, "parent_chain")


class TestRemoved:
    @pytest.mark.parametrize(
        ("folder", "version", "field"),
        [("sums", 2, "sum"), ("bundles", 2, "bundle"), ("models", 1, "training_state")],
    )
    async def test_what_must_be_kept_and_is_gone(
        self, world: RoundWorld, folder: str, version: int, field: str
    ) -> None:
        blobs = world.state["blobs"]
        for name in blobs.names(folder):
            blobs.delete(folder, name)
        assert await found_at(world) == (version, field)

    async def test_a_version_cut_off_at_the_end(self, world: RoundWorld) -> None:
        async def cut(connection: Any) -> None:
            await connection.execute(delete(versions).where(versions.c.id == 5))

        await world.state["database"].transaction("forge", cut)
        assert await found_at(world) == (5, "version")

    async def test_a_chain_that_lost_the_head_noted_earlier(self, world: RoundWorld) -> None:
        head = str((await Books(world, 3).row()).chain)
        options = AuditOptions(rebuild=False, head=head)
        assert (await verify(world, options))[1] is None
        await forgery.rewrite_chain(Books(world, 2), build={"torch": "another"})
        assert (await verify(world, CHAIN_ONLY))[1] is None  # it was written anew, whole
        assert await found_at(world, options) == (6, "head")


async def test_a_kind_that_was_changed(world: RoundWorld) -> None:
    for version, kind in ((1, "round"), (4, "genesis"), (6, "catalogue")):
        books = Books(world, version)
        before = (await books.row()).kind
        await books.write(versions, versions.c.id == version, kind=kind)
        assert await found_at(world, AuditOptions()) == (version, "kind")
        await books.write(versions, versions.c.id == version, kind=before)


async def test_a_manifest_that_never_was_one(world: RoundWorld) -> None:
    """The digests agree, since the chain was written anew over it."""
    books = Books(world, 5)
    await books.write(
        versions, versions.c.id == 5, manifest=b"{}", manifest_digest=digest_of(b"{}")
    )
    await forgery.rewrite_chain(books, model=digest_of(b"{}"))
    assert await found_at(world, AuditOptions()) == (5, "unreadable")


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


async def test_nothing_to_audit(
    state: State, clock: FakeClock, client: httpx.AsyncClient, connect: Connect
) -> None:
    assert await verify(RoundWorld(state, clock, client, connect)) == ([], None)


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
