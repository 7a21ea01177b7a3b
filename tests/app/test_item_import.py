"""`POST /v1/items:import`."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.items.lines import LINE_BYTES_MAX, LineSplitter
from app.settings import Settings
from app.store.tables import catalogue, items
from app.wiring import State

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
PATH = "/v1/items:import"
NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*values: Any) -> bytes:
    """One JSON value per line."""
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


async def report_of(client: httpx.AsyncClient, body: bytes) -> dict[str, Any]:
    """Import `body`, which must be taken."""
    answer = await client.post(PATH, content=body, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def n_live(state: State) -> int:
    """How many items the catalogue holds."""
    async with state["database"].read() as connection:
        query = select(func.count()).select_from(items).where(items.c.deleted_at.is_(None))
        return int((await connection.execute(query)).scalar_one())


async def test_anonymous(anonymous: httpx.AsyncClient, refused: Refused) -> None:
    sending = anonymous.post(PATH, content=lines({"id": "a"}), headers=NDJSON)
    await refused(sending, 401, "unauthorised")


async def test_only_a_server_imports(
    connect: Connect, mint: Callable[..., str], publishable_key: str, refused: Refused
) -> None:
    for credential in (publishable_key, mint("user", "u"), mint("device", "d")):
        sending = connect(credential).post(PATH, content=lines({"id": "a"}), headers=NDJSON)
        await refused(sending, 403, "wrong_credential")


OTHER_TYPES = ["application/json", "text/plain", ""]


async def test_wrong_content_type(
    client: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for content_type in OTHER_TYPES:
        with subtests.test(repr(content_type)[:60]):
            headers = {"Content-Type": content_type}
            sending = client.post(PATH, content=lines({"id": "a"}), headers=headers)
            await refused(sending, 415, "unsupported_media_type")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Smaller limits, so that passing them is quick: the import's stays the larger one."""
    smaller = {"json_body_bytes_max": 10_000, "import_body_bytes_max": 2_000_000}
    return settings.model_copy(update=smaller)


@pytest.mark.parametrize("declared", [True, False])
async def test_oversize_body(client: httpx.AsyncClient, refused: Refused, declared: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(21):
            yield b" " * 100_000

    content = b" " * 2_000_001 if declared else chunks()
    await refused(client.post(PATH, content=content, headers=NDJSON), 413, "body_too_large")


async def test_larger_than_any_other_body(client: httpx.AsyncClient, state: State) -> None:
    body = lines(*({"id": str(n), "title": "x" * 400} for n in range(600)))
    assert len(body) > 10 * state["settings"].json_body_bytes_max
    assert (await report_of(client, body))["created"] == 600


BAD_LINES = [
    (b"nonsense", "line"),
    (b"{", "line"),
    (b"[1]", "line"),
    (b"null", "line"),
    (b'{"title": "no id"}', "id"),
    (b'{"id": ""}', "id"),
    (b'{"id": 7}', "id"),
    (b'{"id": "a\\u0000"}', "id"),
    (b'{"id": "\\ud800"}', "line"),
    (b'{"id": "\xff"}', "line"),
    (b'{"id": "' + b"x" * 129 + b'"}', "id"),
    (b'{"id": "a", "price": NaN}', "price"),
    (b'{"id": "a", "price": -1}', "price"),
    (b'{"id": "a", "price": 1' + b"0" * 400 + b"}", "price"),
    (b'{"id": "a", "price": ' + b"9" * 5000 + b"}", "line"),
    (b'{"id": "a", "tags": ["x", 1]}', "tags.1"),
    (b'{"id": "a", "title": "\\u0000"}', "title"),
    (b'{"id": "a", "colour": "red"}', "colour"),
    (b"[" * 10_000, "line"),
    (b'{"id": "a", "title": "' + b"x" * LINE_BYTES_MAX + b'"}', "line"),
]


async def test_bad_line_is_named_and_the_good_ones_stored(
    client: httpx.AsyncClient, state: State, subtests: pytest.Subtests
) -> None:
    for n, (line, field) in enumerate(BAD_LINES):
        with subtests.test(repr(line)[:60]):
            good = lines({"id": f"before {n}"}), lines({"id": f"after {n}"})
            report = await report_of(client, good[0] + b"\n" + line + b"\r\n" + good[1])
            assert (report["created"], report["rejected"]) == (2, 1)
            assert {(e["line"], e["field"]) for e in report["errors"]} == {(3, field)}
            assert all(error["message"] for error in report["errors"])
            assert await n_live(state) == 2 * (n + 1)


async def test_only_bad_lines_change_nothing(
    client: httpx.AsyncClient, snapshot: Callable[[], Any]
) -> None:
    before = await snapshot()
    report = await report_of(client, b"x\n" * 50)
    assert (report["rejected"], len(report["errors"])) == (50, 20)
    assert [error["line"] for error in report["errors"]] == list(range(1, 21))
    assert await snapshot() == before


async def test_empty(client: httpx.AsyncClient) -> None:
    nothing = {"created": 0, "replaced": 0, "unchanged": 0, "rejected": 0, "errors": []}
    assert await report_of(client, b"") == nothing
    assert await report_of(client, b"\n \r\n\n") == nothing


async def test_counts(client: httpx.AsyncClient, state: State) -> None:
    await client.put("/v1/items/same", json={"title": "Same"})
    await client.put("/v1/items/other", json={"title": "Other"})
    await client.put("/v1/items/gone", json={})
    await client.delete("/v1/items/gone")
    body = lines(
        {"id": "same", "title": "Same"},
        {"id": "other", "title": "Changed"},
        {"id": "gone"},
        {"id": "new"},
        {"id": "new", "title": "Twice"},
        {"id": "new", "title": "Twice"},
    )
    report = await report_of(client, body)
    assert (report["created"], report["replaced"], report["unchanged"]) == (2, 2, 2)
    assert (await client.get("/v1/items/new")).json()["title"] == "Twice"
    assert (await client.get("/v1/items/gone")).status_code == 200


async def test_again_changes_nothing(
    client: httpx.AsyncClient, snapshot: Callable[[], Any], clock: Any
) -> None:
    body = lines(*({"id": str(n), "price": n} for n in range(1200)))
    assert (await report_of(client, body))["created"] == 1200
    before = await snapshot()
    clock.now += 60
    assert (await report_of(client, body))["unchanged"] == 1200
    assert await snapshot() == before


async def test_a_shop_imports_in_about_a_second(client: httpx.AsyncClient, state: State) -> None:
    body = lines(
        *(
            {"id": f"sku-{n}", "title": f"Item {n}", "categories": ["a", "b"], "price": n / 7}
            for n in range(2400)
        )
    )
    used = time.process_time()
    assert (await report_of(client, body))["created"] == 2400
    # CPU time of this process, not wall time: the machine is shared.
    assert time.process_time() - used < 2.0
    async with state["database"].read() as connection:
        rows = {row.row for row in await connection.execute(select(items.c.row))}
        head = (await connection.execute(select(catalogue.c.next_sequence))).scalar_one()
    assert len(rows) == head == 2400


async def test_body_in_small_pieces(client: httpx.AsyncClient) -> None:
    body = lines({"id": "é"}, {"id": "b"})[:-1]

    async def pieces() -> AsyncIterator[bytes]:
        for byte in body:
            yield bytes([byte])

    answer = await client.post(PATH, content=pieces(), headers=NDJSON)
    assert answer.json()["created"] == 2
    assert (await client.get("/v1/items/%C3%A9")).status_code == 200


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_do_not_depend_on_chunks(size: int) -> None:
    body = b"a\nbb\n\ntoo long to keep\nccc"
    splitter = LineSplitter(bytes_max=5)
    found = [
        line for at in range(0, len(body), size) for line in splitter.feed(body[at : at + size])
    ]
    found += splitter.finish()
    assert [(line.number, line.body) for line in found] == [
        (1, b"a"),
        (2, b"bb"),
        (3, b""),
        (4, None),
        (5, b"ccc"),
    ]
