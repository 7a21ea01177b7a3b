"""Scopes of server keys, and who may call what: every route by every credential and scope."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.route_table import routes_of, table
from app.access.scopes import SCOPES
from app.main import create_app
from tests.app.round_world import RoundWorld
from tests.app.test_every_route import OPEN, filled

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
APP = create_app()
ROUTES = [one for one in routes_of(APP) if one.path.startswith("/v1")]
OF_KEYS = [one for one in ROUTES if one.only is not None and "server" in one.only.kinds]
PAGE = Path(__file__).parents[2] / "docs" / "access.md"


async def key_for(client: httpx.AsyncClient, *scopes: str) -> str:
    answer = await client.post("/v1/keys", json={"kind": "server", "scopes": scopes})
    assert answer.status_code == 201, answer.text
    assert answer.json()["scopes"] == sorted(scopes)
    return str(answer.json()["key"])


def test_every_route_asks_for_a_credential_but_those_that_are_open() -> None:
    unasked = {(one.method.lower(), one.path) for one in ROUTES if one.only is None}
    assert unasked == OPEN


def test_every_route_of_server_keys_has_a_scope_but_those_of_the_model() -> None:
    free = {one.path for one in OF_KEYS if one.only and one.only.scope is None}
    assert all(path.startswith(("/v1/models", "/v1/audit")) for path in free), free


def test_the_page_has_the_table() -> None:
    written = re.findall(
        r"<!-- routes: begin -->\n(.*?)\n<!-- routes: end -->", PAGE.read_text(), re.S
    )
    assert written == [table(APP)]


async def test_a_key_of_one_scope(
    client: httpx.AsyncClient, connect: Connect, subtests: pytest.Subtests
) -> None:
    for scope in SCOPES:
        limited = connect(await key_for(client, scope))
        for route in OF_KEYS:
            assert route.only is not None
            with subtests.test(f"{scope}: {route.method} {route.path}"):
                answer = await limited.request(route.method, filled(route.path, "1"), json={})
                is_missing = reason_of(answer) == (403, "scope_missing")
                assert is_missing == (route.only.scope not in (None, scope)), answer.text


async def test_a_credential_of_each_kind(
    world: RoundWorld,
    connect: Connect,
    server_key: str,
    publishable_key: str,
    mint: Callable[..., str],
    subtests: pytest.Subtests,
) -> None:
    (device,) = await world.enrol("ada")
    clients = {
        "server": connect(server_key),
        "publishable": connect(publishable_key),
        "user": connect(mint("user", "ada")),
        "device": device.client,
    }
    for route in ROUTES:
        for kind, asking in clients.items():
            if route.only is None or (kind in route.only.kinds and route.method == "DELETE"):
                continue  # what is open has tests of its own; the device must last to the end
            with subtests.test(f"{kind}: {route.method} {route.path}"):
                answer = await asking.request(route.method, filled(route.path, "1"), json={})
                is_wrong = reason_of(answer) == (403, "wrong_credential")
                assert is_wrong == (kind not in route.only.kinds)


def reason_of(answer: httpx.Response) -> tuple[int, str | None]:
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["reason"] if is_problem else None


class TestMaking:
    async def test_no_key_makes_a_mightier_one(
        self, client: httpx.AsyncClient, connect: Connect, refused: Refused
    ) -> None:
        limited = connect(await key_for(client, "keys", "events"))
        for scopes in (["events", "catalogue"], ["operations"], list(SCOPES)):
            sending = limited.post("/v1/keys", json={"kind": "server", "scopes": scopes})
            await refused(sending, 403, "scope_exceeded")

    async def test_without_scopes_all_of_its_makers(
        self, client: httpx.AsyncClient, connect: Connect
    ) -> None:
        limited = connect(await key_for(client, "keys", "events"))
        assert (await limited.post("/v1/keys", json={"kind": "server"})).json()["scopes"] == [
            "events",
            "keys",
        ]

    @pytest.mark.parametrize("scopes", [[], ["everything"], "events", [None], {}, 1])
    async def test_malformed(
        self, client: httpx.AsyncClient, refused: Refused, scopes: object
    ) -> None:
        sending = client.post("/v1/keys", json={"kind": "server", "scopes": scopes})
        await refused(sending, 422, "invalid_request")

    async def test_a_publishable_key_has_none(
        self, client: httpx.AsyncClient, refused: Refused
    ) -> None:
        sending = client.post("/v1/keys", json={"kind": "publishable", "scopes": ["events"]})
        await refused(sending, 422, "invalid_field", "scopes")
        assert (await client.post("/v1/keys", json={"kind": "publishable"})).json()["scopes"] == []

    async def test_a_repeat_with_other_scopes(
        self, client: httpx.AsyncClient, refused: Refused
    ) -> None:
        headers = {"Idempotency-Key": "one"}
        body = {"kind": "server", "scopes": ["events"]}
        assert (await client.post("/v1/keys", json=body, headers=headers)).status_code == 201
        assert (await client.post("/v1/keys", json=body, headers=headers)).status_code == 200
        other = body | {"scopes": ["users"]}
        sending = client.post("/v1/keys", json=other, headers=headers)
        await refused(sending, 409, "idempotency_key_reused")

    async def test_the_last_that_makes_keys_stays(
        self, client: httpx.AsyncClient, refused: Refused
    ) -> None:
        await key_for(client, "events")
        found = (await client.get("/v1/keys")).json()["data"]
        (maker,) = [one["id"] for one in found if "keys" in one["scopes"]]
        await refused(client.delete(f"/v1/keys/{maker}"), 409, "last_server_key")
