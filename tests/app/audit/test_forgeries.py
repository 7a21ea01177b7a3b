"""`twofold audit verify`: whatever was forged is found, and the very version is named."""

import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from app.audit.verification import AuditOptions
from app.coordinator.reducing import sum_name
from app.store.blobs import digest_of
from app.store.tables import plans, rounds, versions
from federation.plan import Plan
from tests.app import forgery
from tests.app.audit.conftest import Past
from tests.app.audit_world import CHAIN_ONLY, found_at, verify
from tests.app.conftest import FakeClock
from tests.app.databases import Databases
from tests.app.forgery import Books
from tests.app.round_world import RoundWorld

EDITS = 25
Undo = Callable[[], Awaitable[Any]]


class TestNothing:
    @pytest.fixture
    def past(self, databases: Databases, tmp_path: Path) -> Past:
        (tmp_path / "empty").mkdir()
        return Past(databases.migrated, tmp_path / "empty", FakeClock().now)

    async def test_nothing_to_audit(self, world: RoundWorld) -> None:
        assert await verify(world) == ([], None)


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
    if target == "signature":
        return await forgery.change_update(books, dice, "signature_digest")
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
    "signature": (3, {"signatures_root"}),
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
