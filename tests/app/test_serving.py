"""The versions that a worker ranks with: what it refuses to load, follows, keeps and hides."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.models import serving as serving_module
from app.models.hidden_rows import HiddenRows
from app.models.publish import Catalogue, VersionContent, write_version
from app.models.served_model import Counts, ModelUnreadableError, ServedModel, read_model
from app.models.serving import ServingModels
from app.models.serving_repository import RowState
from app.models.shards import SHARD_ROWS, shard_body
from app.store.blobs import BlobStore
from app.store.database import Database
from app.wiring import State
from tests.app.model_world import (
    EVENT_TYPES,
    Shop,
    ids_of,
    random_scalars,
    random_table,
    until,
)

NO_COUNTS = Counts(np.zeros(0, np.int64), np.zeros(0, np.int64))


@pytest.fixture
def shop(state: State, client: httpx.AsyncClient) -> Shop:
    """A shop without items."""
    return Shop(state, client)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    """An empty blob directory."""
    return BlobStore(tmp_path / "blobs")


def written(blobs: BlobStore, n_rows: int = 6, **changes: Any) -> bytes:
    """The manifest of a version in which every second row is live."""
    content = VersionContent(
        version=3,
        parent=2,
        kind="catalogue",
        round_id=None,
        table=random_table(n_rows, 5),
        scalars=random_scalars(5),
        event_types=EVENT_TYPES,
        catalogue=Catalogue(7, tuple((row, f"item-{row}") for row in range(0, n_rows, 2))),
    )
    return write_version(blobs, dataclasses.replace(content, **changes))


def another_worker(state: State) -> ServingModels:
    """A second worker over the same stores."""
    return ServingModels(state["database"], state["blobs"], state["settings"].rankable_versions)


class TestReading:
    def test_missing_shard(self, blobs: BlobStore) -> None:
        manifest = written(blobs)
        blobs.delete("shards", json.loads(manifest)["heads"]["context"]["float32"][0]["digest"])
        with pytest.raises(ModelUnreadableError, match="missing"):
            read_model(blobs, manifest, NO_COUNTS)

    @pytest.mark.parametrize("head", ["target", "context"])
    def test_damaged_shard(self, blobs: BlobStore, head: str) -> None:
        manifest = written(blobs)
        digest = json.loads(manifest)["heads"][head]["float32"][0]["digest"]
        body = bytearray(blobs.get("shards", digest) or b"")
        body[-1] ^= 1
        blobs.put("shards", digest, bytes(body))
        with pytest.raises(ModelUnreadableError, match="damaged"):
            read_model(blobs, manifest, NO_COUNTS)

    def test_missing_catalogue(self, blobs: BlobStore) -> None:
        manifest = written(blobs)
        blobs.delete("catalogues", json.loads(manifest)["catalogue"]["digest"])
        with pytest.raises(ModelUnreadableError, match="missing"):
            read_model(blobs, manifest, NO_COUNTS)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, blobs: BlobStore, value: float) -> None:
        table, manifest = random_table(6, 5), json.loads(written(blobs))
        table.context_short[3, 2] = value
        body = shard_body(table, "context", "float32", 0, 6)
        manifest["heads"]["context"]["float32"][0]["digest"] = blobs.put_content("shards", body)
        with pytest.raises(ModelUnreadableError, match="not finite"):
            read_model(blobs, json.dumps(manifest).encode(), NO_COUNTS)

    @pytest.mark.parametrize("row", [6, -1])
    def test_catalogue_beyond_the_table(self, blobs: BlobStore, row: int) -> None:
        manifest = written(blobs, catalogue=Catalogue(7, ((row, "item"),)))
        with pytest.raises(ModelUnreadableError, match="names row"):
            read_model(blobs, manifest, NO_COUNTS)

    def test_shard_that_does_not_fit_its_rows(self, blobs: BlobStore) -> None:
        manifest = json.loads(written(blobs))
        manifest["heads"]["target"]["float32"][0]["n_rows"] = 5
        with pytest.raises(ModelUnreadableError, match="does not fit"):
            read_model(blobs, json.dumps(manifest).encode(), NO_COUNTS)

    @pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"version": 1, "n_rows": "x"}'])
    def test_foreign_manifest(self, blobs: BlobStore, manifest: bytes) -> None:
        with pytest.raises(ModelUnreadableError):
            read_model(blobs, manifest, NO_COUNTS)

    @pytest.mark.parametrize("n_rows", [0, 1, 6, SHARD_ROWS, SHARD_ROWS + 3])
    def test_as_it_was_written(self, blobs: BlobStore, n_rows: int) -> None:
        model = read_model(blobs, written(blobs, n_rows), NO_COUNTS)
        expected = random_table(n_rows, 5)
        for name in ("target", "context_long", "context_short", "bias"):
            np.testing.assert_array_equal(getattr(model.table, name), getattr(expected, name))
            assert not getattr(model.table, name).flags.writeable
        np.testing.assert_array_equal(model.scalars.to_vector(), random_scalars(5).to_vector())
        assert model.live.tolist() == [row % 2 == 0 for row in range(n_rows)]
        assert (model.version, model.catalogue_revision) == (3, 7)
        assert model.event_types == EVENT_TYPES
        assert all(model.id_of[row] == item_id for item_id, row in model.row_of.items())
        assert len(model.row_of) == (n_rows + 1) // 2

    def test_popular_is_counts_then_bias(self, blobs: BlobStore) -> None:
        counts = Counts(np.asarray([4, 0, 8, 3, 99]), np.asarray([5, 5, 7, 50, 50]))
        model = read_model(blobs, written(blobs, 12), counts)
        bias = model.table.bias
        tied = sorted([4, 0], key=lambda row: -bias[row])
        rest = sorted([2, 6, 10], key=lambda row: -bias[row])
        assert model.popular_rows.tolist() == [8, *tied, *rest]  # row 3 holds no item
        assert model.popularity[[4, 8, 2]].tolist() == [5.0, 7.0, 0.0]


class TestFollowing:
    async def test_nothing_published(self, state: State) -> None:
        await state["serving"].refresh()
        assert state["serving"].current is None
        assert state["serving"].current_version is None
        assert state["serving"].get(1) is None

    async def test_an_empty_catalogue(self, shop: Shop) -> None:
        await shop.publish()
        assert (await shop.get("/popular"))["items"] == []
        answer = await shop.post(session=[{"item_id": "unknown"}])
        assert (answer["fallback"], answer["unknown_items"]) == ("no_history", ["unknown"])

    async def test_keeps_the_last_versions(self, shop: Shop, state: State) -> None:
        await shop.put_items("a", "b")
        published = [await shop.publish(seed) for seed in range(1, 8)]
        keep = state["settings"].rankable_versions
        for serving in (state["serving"], another_worker(state)):
            await serving.refresh()
            known = [version for version in published if serving.get(version)]
            assert known == published[-keep:]
            assert serving.current_version == published[-1]
            assert serving.current is serving.get(published[-1])

    async def test_an_unreadable_version_is_not_served(
        self, shop: Shop, state: State, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serving_module, "UNREADABLE_PAUSE_S", 0.0)
        await shop.put_items("a", "b")
        first, other, blobs = await shop.publish(1), another_worker(state), state["blobs"]
        await other.refresh()
        known = set(blobs.names("shards"))
        second = await shop.publish(2)
        taken = {name: blobs.get("shards", name) for name in set(blobs.names("shards")) - known}
        for name in taken:
            blobs.delete("shards", name)
        await other.refresh()
        assert other.current_version == first
        for name, body in taken.items():
            blobs.put("shards", name, body or b"")
        await other.refresh()
        assert other.current_version == second

    async def test_follows_without_being_asked(self, shop: Shop, state: State) -> None:
        await shop.put_items("a")
        version = await shop.publish(refresh=False)
        await until(lambda: state["serving"].current_version == version)

    async def test_survives_the_database(self, shop: Shop, state: State, tmp_path: Path) -> None:
        await shop.put_items("a", "b")
        await shop.publish(1)
        serving, engine = state["serving"], state["database"].engine
        away = Database(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.db")
        state["database"].engine = away.engine
        with pytest.raises(Exception, match="unable to open"):
            await serving.refresh()
        await asyncio.sleep(0.25)  # the follower fails several times
        assert serving.current_version == 1
        state["database"].engine = engine
        version = await shop.publish(2, refresh=False)
        await until(lambda: serving.current_version == version)
        await away.close()

    async def test_counts_events_at_a_swap(self, shop: Shop) -> None:
        await shop.put_items("a", "b", "c")
        await shop.put_user("someone")
        for item_id in ("b", "c", "c"):
            await shop.post_event("someone", item_id)
        await shop.publish()
        answer = await shop.get("/popular")
        assert ids_of(answer) == ["c", "b", "a"]
        assert [item["score"] for item in answer["items"]] == [2.0, 1.0, 0.0]

    @pytest.fixture
    def restless(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counts at every look. Must come before the shop: its start-up counts already."""
        monkeypatch.setattr(serving_module, "COUNTS_PERIOD_S", 0.0)
        monkeypatch.setattr(serving_module, "COUNTS_REST_FACTOR", 0.0)

    async def test_counts_again_after_a_while(self, restless: None, shop: Shop) -> None:
        await shop.put_items("a", "b")
        await shop.publish()
        await shop.put_user("someone")
        least = ids_of(await shop.get("/popular"))[-1]
        await shop.post_event("someone", least)
        await shop.state["serving"].refresh()
        assert ids_of(await shop.get("/popular"))[0] == least


class TestHiding:
    async def test_other_workers_learn_of_a_deletion(self, shop: Shop, state: State) -> None:
        await shop.put_items("a", "b", "c")
        await shop.publish()
        other, row = another_worker(state), (await shop.rows())["b"]
        await other.refresh()
        model = other.current
        assert model is not None
        await shop.client.delete("/v1/items/b")
        assert other.listable(model)[row]
        await other.refresh()
        assert not other.listable(model)[row]
        assert other.listable(model).sum() == 2
        await shop.put_items("b")
        await other.refresh()
        assert other.listable(model)[row]

    async def test_deleted_before_the_version_was_loaded(self, shop: Shop, state: State) -> None:
        await shop.put_items("a", "b", "c")
        await shop.publish(refresh=False)
        row = (await shop.rows())["b"]
        await shop.client.delete("/v1/items/b")
        late = another_worker(state)
        await late.refresh()
        model = late.current
        assert model is not None
        assert model.live[row]
        assert not late.listable(model)[row]

    async def test_older_versions_hide_too(self, shop: Shop, state: State) -> None:
        await shop.put_items("a", "b", "c")
        first = await shop.publish(1)
        await shop.publish(2)
        row = (await shop.rows())["b"]
        await shop.client.delete("/v1/items/b")
        await shop.publish(3)
        older = state["serving"].get(first)
        assert older is not None
        assert not state["serving"].listable(older)[row]
        newest = state["serving"].current
        assert newest is not None
        assert "b" not in newest.row_of

    def test_a_look_that_began_earlier_does_not_undo_a_change(self) -> None:
        hidden, model = HiddenRows(), _model_of(4)
        hidden.serve([model])
        hidden.begin_look()
        hidden.hide(2)  # committed after the look read the row as live
        hidden.apply_look([RowState(2, True), RowState(3, False)])
        assert hidden.listable(model).tolist() == [True, True, False, False]
        assert hidden.begin_look() == {2}
        hidden.apply_look([RowState(2, False)])
        assert not hidden.listable(model)[2]

    def test_changes_that_arrive_in_the_wrong_order(self) -> None:
        hidden, model = HiddenRows(), _model_of(4)
        hidden.serve([model])
        hidden.hide(1)  # the deletion was committed last, but is heard of first
        hidden.reveal(1)
        assert hidden.begin_look() == {1}
        hidden.apply_look([RowState(1, False)])
        assert not hidden.listable(model)[1]

    def test_a_look_that_failed_is_repeated(self) -> None:
        hidden = HiddenRows()
        hidden.hide(1)
        hidden.abandon_look(hidden.begin_look())
        assert hidden.has_unchecked
        assert hidden.begin_look() == {1}

    def test_hidden_before_any_version(self) -> None:
        hidden, model = HiddenRows(), _model_of(4)
        hidden.hide(1)
        hidden.hide(1000)
        hidden.serve([model])
        assert hidden.listable(model).tolist() == [True, False, True, True]
        hidden.reveal(1)
        assert hidden.listable(model).all()


def _model_of(n_rows: int) -> ServedModel:
    table = random_table(n_rows, 1)
    return ServedModel(
        version=1,
        table=table,
        scalars=random_scalars(1),
        live=np.ones(n_rows, bool),
        event_types=EVENT_TYPES,
        row_of={str(row): row for row in range(n_rows)},
        id_of=[str(row) for row in range(n_rows)],
        popularity=np.zeros(n_rows, np.float32),
        popular_rows=np.arange(n_rows),
        catalogue_revision=0,
    )
