"""What a shop does with its catalogue; the refusals are in a file of their own."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import select

from app.models.served_model import ServedModel
from app.store.tables import catalogue, items
from app.wiring import State
from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars
from tests.app.device_by_hand import enrol
from tests.app.made_up_records import ITEM

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]

STRANGE_IDS = [
    "a/b",
    "a%2Fb",
    "%",
    "100%25",
    "what?now=1",
    "#1",
    "🛍️",
    "é" * 64,
    "x" * 128,
    ".",
    "..",
    " ",
    "a b+c",
    "\x01",
    "\n",
    '"\\',
    "items:import",
    "null",
]


def encoded(item_id: str) -> str:
    """The path of an item, with every byte percent-encoded."""
    return "/v1/items/" + "".join(f"%{byte:02X}" for byte in item_id.encode())


async def head_of(state: State) -> tuple[int, int]:
    """Next sequence and revision of the catalogue."""
    async with state["database"].read() as connection:
        query = select(catalogue.c.next_sequence, catalogue.c.revision)
        row = (await connection.execute(query)).one()
    return row.next_sequence, row.revision


async def row_of(state: State, item_id: str) -> Any:
    """The stored row of an item, tombstones included."""
    async with state["database"].read() as connection:
        return (await connection.execute(select(items).where(items.c.id == item_id))).one()


def model_of_one_segment() -> ServedModel:
    """A version whose 1024 rows are all live."""
    rows, values = np.zeros((1024, 2), np.float32), np.zeros(1024, np.float32)
    return ServedModel(
        version=1,
        table=ItemTable(rows, rows, rows, values),
        scalars=SharedScalars.initial(20, 3),
        live=np.ones(1024, bool),
        event_types=("view", "cart", "purchase"),
        row_of={},
        id_of=[None] * 1024,
        popularity=values,
        popular_rows=np.arange(1024),
        catalogue_revision=0,
    )


async def test_put_creates_then_replaces(client: httpx.AsyncClient, state: State) -> None:
    created = await client.put("/v1/items/cup", json=ITEM)
    assert created.status_code == 201
    assert {**ITEM, "id": "cup"}.items() <= created.json().items()
    replaced = await client.put("/v1/items/cup", json={"title": "Cup", "price": 0})
    assert replaced.status_code == 200
    assert replaced.json()["categories"] == []
    assert (await client.get("/v1/items/cup")).json() == replaced.json()
    assert await head_of(state) == (1, 2)
    assert (await row_of(state, "cup")).revision == 2


async def test_same_content_again_changes_nothing(
    client: httpx.AsyncClient, clock: Any, snapshot: Callable[[], Any]
) -> None:
    first = await client.put("/v1/items/cup", json={**ITEM, "price": 12})
    before = await snapshot()
    clock.now += 60
    again = await client.put("/v1/items/cup", json={**ITEM, "price": 12.0})
    assert again.status_code == 200
    assert again.json() == first.json()
    assert await snapshot() == before


async def test_everything_is_optional(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/items/bare", json={})
    assert answer.status_code == 201
    assert answer.json()["price"] is None


async def test_strange_ids(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for item_id in STRANGE_IDS:
        with subtests.test(repr(item_id)[:60]):
            assert (await client.put(encoded(item_id), json=ITEM)).status_code == 201
            assert (await client.get(encoded(item_id))).json()["id"] == item_id
            assert [item["id"] for item in (await client.get("/v1/items")).json()["data"]] == [
                item_id
            ]
            assert (await client.delete(encoded(item_id))).status_code == 204
            assert (await client.get(encoded(item_id))).status_code == 404


async def test_every_reader_reads(
    connect: Connect, client: httpx.AsyncClient, mint: Callable[..., str], publishable_key: str
) -> None:
    await client.put("/v1/items/cup", json=ITEM)
    device = await enrol(client, connect, "ada")
    for reader in (connect(publishable_key), connect(mint("user", "u")), device.client):
        assert (await reader.get("/v1/items/cup")).status_code == 200
        assert (await reader.get("/v1/items")).status_code == 200


async def test_conditional_get(client: httpx.AsyncClient) -> None:
    await client.put("/v1/items/cup", json=ITEM)
    tag = (await client.get("/v1/items/cup")).headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        kept = await client.get("/v1/items/cup", headers={"If-None-Match": held})
        assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", tag)
    await client.put("/v1/items/cup", json={"title": "Cup"})
    moved = await client.get("/v1/items/cup", headers={"If-None-Match": tag})
    assert moved.status_code == 200
    assert moved.headers["etag"] != tag


async def test_conditional_list(client: httpx.AsyncClient) -> None:
    await client.put("/v1/items/cup", json=ITEM)
    headers = {"If-None-Match": (await client.get("/v1/items")).headers["etag"]}
    assert (await client.get("/v1/items", headers=headers)).status_code == 304
    await client.put("/v1/items/mug", json=ITEM)
    assert (await client.get("/v1/items", headers=headers)).status_code == 200


async def test_delete_keeps_the_row_for_the_item(
    client: httpx.AsyncClient, state: State, refused: Refused
) -> None:
    await client.put("/v1/items/cup", json=ITEM)
    row = (await row_of(state, "cup")).row
    assert (await client.delete("/v1/items/cup")).status_code == 204
    assert (await row_of(state, "cup")).deleted_at is not None
    await refused(client.get("/v1/items/cup"), 404, "not_found")
    await refused(client.delete("/v1/items/cup"), 404, "not_found")
    await client.put("/v1/items/mug", json=ITEM)
    assert (await row_of(state, "mug")).row != row
    back = await client.put("/v1/items/cup", json=ITEM)
    assert back.status_code == 201
    assert (await row_of(state, "cup")).row == row
    assert await head_of(state) == (2, 4)


async def test_delete_hides_and_put_reveals_at_once(
    client: httpx.AsyncClient, state: State
) -> None:
    model, serving = model_of_one_segment(), state["serving"]
    await client.put("/v1/items/cup", json=ITEM)
    row = (await row_of(state, "cup")).row
    assert serving.listable(model).all()
    await client.delete("/v1/items/cup")
    assert np.flatnonzero(~serving.listable(model)).tolist() == [row]
    await client.put("/v1/items/cup", json=ITEM)
    assert serving.listable(model).all()


async def test_rows_are_permuted_and_distinct(client: httpx.AsyncClient, state: State) -> None:
    for n in range(40):
        await client.put(f"/v1/items/{n}", json={})
    rows = [(await row_of(state, str(n))).row for n in range(40)]
    assert len(set(rows)) == 40
    assert rows != sorted(rows)
    assert max(rows) < 1024


async def test_pages_cover_the_catalogue_once(client: httpx.AsyncClient) -> None:
    ids = sorted(["a", "B", "z", "é", "🛍️", "a/b", "10", "9"], key=str.encode)
    for item_id in ids:
        await client.put(encoded(item_id), json={})
    await client.delete(encoded("z"))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/items", params=query)).json()
        assert len(page["data"]) <= 3
        seen += [item["id"] for item in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [item_id for item_id in ids if item_id != "z"]
