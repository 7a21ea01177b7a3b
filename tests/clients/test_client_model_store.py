"""Manifest, catalogue map, shards and their store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from clients.python.manifest import Manifest, Shard, read_catalogue, read_manifest
from clients.python.model_store import ModelStore
from clients.python.shards import decode_shard
from federation.canonical import canonical_json, digest
from tests.clients.made_up_model import DIM, N_ROWS, World


def changed(world: World, **changes: Any) -> bytes:
    return canonical_json({**json.loads(world.manifest()), **changes})


def fill(store: ModelStore, world: World) -> Manifest:
    store.put_catalogue(digest(world.catalogue), world.catalogue)
    for head in ("target", "context"):
        for _, body in world.shards(store.precision, head):
            store.put("shards", digest(body), body)
    manifest = read_manifest(world.manifest())
    store.commit(world.manifest(), manifest)
    return manifest


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1"},
        {"version": -1},
        {"dim": 0},
        {"n_rows": N_ROWS + 1},
        {"n_rows": N_ROWS - 1},
        {"event_types": []},
        {"history_length": 3},
        {"scalars": [0.0]},
        {"scalars": ["a"]},
        {"scalars": None},
        {"catalogue": {}},
        {"catalogue": {"digest": "x"}},
        {"heads": {}},
        {"heads": {"target": {"float16": 5}, "context": {}}},
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(world: World, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read_manifest(changed(world, **changes))


@pytest.mark.parametrize("first_row", [1, 23, 25])
def test_shards_leave_no_gap_and_do_not_overlap(world: World, first_row: int) -> None:
    heads = json.loads(world.manifest())["heads"]
    heads["target"]["float16"][1]["first_row"] = first_row
    with pytest.raises(ValueError, match="missing or there twice"):
        read_manifest(changed(world, heads=heads))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"version": NaN}', b"\xff"])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_manifest(body)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [[1]],
        [[1, 2]],
        [["1", "a"]],
        [[-1, "a"]],
        [[1, "a"], [1, "b"]],
        [[1, "a"], [2, "a"]],
    ],
)
def test_a_catalogue_map_with_a_wrong_entry_is_refused(rows: Any) -> None:
    with pytest.raises(ValueError):
        read_catalogue(json.dumps({"rows": rows}).encode())


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@pytest.mark.parametrize("head", ["target", "context"])
def test_a_damaged_shard_is_refused(world: World, precision: str, head: str) -> None:
    first, body = world.shards(precision, head)[0]
    shard = Shard(digest(body), len(body), first, 24)
    for wrong, text in (
        (body[:-1], "safetensors"),
        (save({"target": np.zeros((24, DIM), np.float32)}), "holds the tensors|must be"),
    ):
        with pytest.raises(ValueError, match=text):
            decode_shard(wrong, head, precision, shard, DIM)
    with pytest.raises(ValueError, match="not"):
        decode_shard(body, head, precision, Shard("", 1, 0, 23), DIM)
    with pytest.raises(ValueError, match="not"):
        decode_shard(body, head, precision, shard, DIM + 1)


def test_values_that_are_not_finite_are_refused(world: World) -> None:
    _, body = world.shards("int8", "context")[0]
    tensors = {name: array.copy() for name, array in load(body).items()}
    tensors["context_long_scale"][3] = np.inf
    shard = Shard("", 1, 0, 24)
    with pytest.raises(ValueError, match="context_long holds values that are not finite"):
        decode_shard(save(tensors), "context", "int8", shard, DIM)
    tensors["context_long_scale"] = np.ones(7, np.float32)
    with pytest.raises(ValueError, match="one value per row"):
        decode_shard(save(tensors), "context", "int8", shard, DIM)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float32", 0.0), ("float16", 2e-3), ("int8", 2e-2)]
)
def test_the_table_comes_back(
    tmp_path: Path, world: World, precision: str, tolerance: float
) -> None:
    store = ModelStore(tmp_path, precision)
    fill(store, world)
    model = store.load()
    assert model is not None
    for name, head in world.heads.items():
        np.testing.assert_allclose(getattr(model.table, name), head, atol=tolerance)
    np.testing.assert_array_equal(model.table.bias, world.bias)
    assert model.row_of == world.row_of
    assert not model.live[N_ROWS - 1]
    assert model.live.sum() == N_ROWS - 1
    assert model.id_by_row()[3] == "item 3/é"


def test_a_store_without_a_part_asks_for_it_again(tmp_path: Path, world: World) -> None:
    for folder in ("shards", "catalogues"):
        for damage in ("gone", "damaged"):
            store = ModelStore(tmp_path / folder / damage)
            manifest = fill(store, world)
            assert store.is_whole(manifest)
            victim = next((tmp_path / folder / damage / folder).iterdir())
            if damage == "gone":
                victim.unlink()
            else:
                victim.write_bytes(victim.read_bytes()[:-1])
            assert store.load() is None
            assert not store.is_whole(manifest)


def test_a_damaged_manifest_is_no_version(tmp_path: Path, world: World) -> None:
    store = ModelStore(tmp_path)
    fill(store, world)
    (tmp_path / "manifest.json").write_bytes(b"{")
    assert store.manifest() is None
    assert store.load() is None


def test_an_empty_store_has_no_version(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert store.manifest() is None
    assert store.load() is None
    assert store.catalogue_digest() is None
    assert store.catalogue() is None


def test_old_bodies_go_when_a_version_comes(tmp_path: Path, world: World) -> None:
    store = ModelStore(tmp_path)
    fill(store, world)
    old = {path.name for path in (tmp_path / "shards").iterdir()}
    fill(store, World(version=2, seed=1))
    new = {path.name for path in (tmp_path / "shards").iterdir()}
    assert len(new) == len(old) == 4
    assert not new & old
    assert len(list((tmp_path / "catalogues").iterdir())) == 1


def test_one_copy_in_memory_serves_all_devices_of_a_store(tmp_path: Path, world: World) -> None:
    kept, transient = ModelStore(tmp_path / "a", keep=True), ModelStore(tmp_path / "b")
    fill(kept, world)
    fill(transient, world)
    assert kept.load() is kept.load()
    assert transient.load() is not transient.load()
    fill(kept, World(version=2, seed=1))
    model = kept.load()
    assert model is not None
    assert model.manifest.version == 2
