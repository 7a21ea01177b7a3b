"""Versions, manifests and immutable bodies; and the formats that others read."""

import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import load

from app.models.bundle import Bundle, decode_bundle, encode_bundle
from app.models.shards import shard_body
from app.models.tower_bytes import decode_tower, encode_tower
from app.settings import Settings
from app.store.blobs import digest_of
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars
from recsys.user_tower import UserTower
from tests.app.device_by_hand import Connect
from tests.app.round_world import RoundWorld, small_rounds

UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


class TestRoutes:
    async def test_anonymous(self, world: RoundWorld, anonymous: httpx.AsyncClient) -> None:
        for path in ("", "/current", "/1", f"/1/shards/{UNKNOWN}", f"/1/bundles/{UNKNOWN}"):
            assert (await anonymous.get(f"/v1/models{path}")).status_code == 401, path

    async def test_bundles_are_for_devices(self, world: RoundWorld) -> None:
        answer = await world.server.get(f"/v1/models/1/bundles/{UNKNOWN}")
        assert (answer.status_code, answer.json()["reason"]) == (403, "wrong_credential")

    async def test_unknown_and_malformed(self, world: RoundWorld) -> None:
        known = (await world.server.get("/v1/models/1")).json()["catalogue"]["digest"]
        for path, status in (
            ("/7", 404),
            ("/0", 422),
            ("/newest", 422),
            (f"/1/shards/{UNKNOWN}", 404),
            (f"/7/catalogue/{known}", 404),
            ("/1/shards/..%2F..%2Fsecret", 422),
            ("/1/shards/sha256:00", 422),
            ("/99999999999999999999", 422),
            ("?cursor=YQ", 422),
        ):
            answer = await world.server.get(f"/v1/models{path}")
            assert answer.status_code == status, path
            assert answer.headers["content-type"] == "application/problem+json"

    async def test_before_the_first_version(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v1/models")).json() == {"data": [], "next_cursor": None}
        assert (await client.get("/v1/models/current")).status_code == 404

    async def test_manifest_is_tagged_with_its_digest(
        self, world: RoundWorld, connect: Connect, publishable_key: str
    ) -> None:
        page = connect(publishable_key)
        answer = await page.get("/v1/models/current")
        tag = answer.headers["etag"]
        assert tag == f'"{digest_of(answer.content)}"'
        held = await page.get("/v1/models/current", headers={"If-None-Match": tag})
        assert (held.status_code, held.content) == (304, b"")
        assert (await page.get("/v1/models/1")).content == answer.content

    async def test_every_body_that_a_manifest_names_can_be_fetched(self, world: RoundWorld) -> None:
        manifest = (await world.server.get("/v1/models/current")).json()
        named = [("catalogue", manifest["catalogue"])]
        for head in manifest["heads"].values():
            named += [("shards", shard) for shards in head.values() for shard in shards]
        assert len(named) == 1 + 2 * 3
        for folder, entry in named:
            url = f"/v1/models/1/{folder}/{entry['digest']}"
            answer = await world.server.get(url)
            assert digest_of(answer.content) == entry["digest"]
            assert len(answer.content) == entry["bytes"]
            assert "immutable" in answer.headers["cache-control"]
            tag = {"If-None-Match": answer.headers["etag"]}
            assert (await world.server.get(url, headers=tag)).status_code == 304

    async def test_catalogue_map(self, world: RoundWorld) -> None:
        manifest = (await world.server.get("/v1/models/current")).json()
        digest = manifest["catalogue"]["digest"]
        rows = (await world.server.get(f"/v1/models/1/catalogue/{digest}")).json()["rows"]
        assert [row for row, _ in rows] == sorted(row for row, _ in rows)
        assert {item_id for _, item_id in rows} == {f"item-{i}" for i in range(12)}
        assert manifest["n_items"] == 12
        assert manifest["n_rows"] > max(row for row, _ in rows)

    async def test_versions_newest_first(self, world: RoundWorld) -> None:
        await world.server.delete("/v1/items/item-3")
        await world.tick()
        await world.tick(after_s=1.0)
        first = (await world.server.get("/v1/models?limit=1")).json()
        rest = await world.server.get(f"/v1/models?limit=1&cursor={first['next_cursor']}")
        shown = first["data"] + rest.json()["data"]
        assert [(one["version"], one["kind"]) for one in shown] == [
            (2, "catalogue"),
            (1, "genesis"),
        ]


def made_up_table(n: int, dim: int = 4) -> ItemTable:
    rng = np.random.default_rng(n)
    heads = (rng.normal(size=(n, dim)).astype(np.float32) for _ in range(3))
    return ItemTable(*heads, rng.normal(size=n).astype(np.float32))


class TestFormats:
    def test_int8_is_within_half_a_step_of_each_row(self) -> None:
        table = made_up_table(50)
        table.target[7] = 0
        tensors = load(shard_body(table, "target", "int8", 0, 50))
        assert tensors["target"].dtype == np.int8
        back = tensors["target"] * tensors["target_scale"][:, None]
        assert np.all(np.abs(back - table.target) <= tensors["target_scale"][:, None] * 0.501)
        assert not back[7].any()
        assert np.array_equal(tensors["bias"], table.bias)

    def test_equal_bundles_are_equal_bytes(self) -> None:
        rows = np.arange(0, 20, 2)
        bundle = Bundle(3, ("view", "buy"), UNKNOWN, rows, rows, made_up_table(10), scalars())
        bodies = {encode_bundle(bundle) for _ in range(8)}
        assert len(bodies) == 1
        read = decode_bundle(bodies.pop())
        assert (read.model_version, read.event_types) == (3, ("view", "buy"))
        assert np.array_equal(read.block, rows)
        assert np.allclose(read.table.target, bundle.table.target, atol=2e-3)
        assert np.array_equal(read.table.bias, bundle.table.bias)

    def test_tower_bytes(self) -> None:
        tower = UserTower.default(scalars(), 4)
        read = decode_tower(encode_tower(tower))
        assert np.array_equal(read.log_gains, tower.log_gains)
        broken = encode_tower(
            UserTower(np.full(4, np.nan), tower.log_gains, tower.log_type_weights)
        )
        for body in (b"", b"nonsense", encode_tower(tower)[:-1], broken):
            with pytest.raises(ValueError, match="user tower"):
                decode_tower(body)


def scalars() -> SharedScalars:
    return SharedScalars.initial(history_length=6, n_types=2)


def test_api_workers_import_no_torch(tmp_path: Path) -> None:
    code = "import sys, app.main; assert 'torch' not in sys.modules"
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "TWOFOLD_DATA_DIR": str(tmp_path)},
    )
