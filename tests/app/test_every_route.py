"""What holds for each route of the OpenAPI document, those to come included."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from app.main import create_app

METHODS = ("get", "put", "post", "delete", "patch")
# The enrolment code and the device's own key are the credentials here.
OPEN = {("post", "/v1/devices"), ("post", "/v1/devices/{device_id}/tokens")}
JUNK_SEGMENTS = ["x", "%00", "%FF", "%ED%A0%80", "..%2F..", "%F0%9F%9B%8D", "1" * 40, "-1", "NaN"]
JSON, BYTES, LINES = "application/json", "application/octet-stream", "application/x-ndjson"
JUNK_BODIES: list[tuple[str | None, bytes]] = [
    (JSON, b""),
    (JSON, b"null"),
    (JSON, b"[]"),
    (JSON, b"{}"),
    (JSON, b'{"a'),
    (JSON, b"[" * 20_000),
    (JSON, b"\xff\xfe"),
    (JSON, b"9" * 5000),
    (JSON, json.dumps({"\ud800": "\udfff"}).encode()),
    (JSON, b" " * (1 << 20) + b" "),
    ("text/plain", b"{}"),
    (BYTES, b"\0" * 100),
    (LINES, b"\xff\n{}\n"),
    ("nonsense; charset=x", b"{}"),
    (None, b"{}"),
]
JUNK_VALUES: list[Any] = [
    None,
    True,
    -1,
    10**30,
    float("nan"),
    float("-inf"),
    "",
    "\0",
    "\ud800",
    "x" * 5000,
    "sha256:",
    "2026-13-01T00:00:00Z",
    [],
    [None],
    [[[[]]]],
    [10**30],
    {},
    {"\ud800": {}},
]
HEADERS = ["Content-Length", "Content-Digest", "If-None-Match", "Idempotency-Key", "Range"]
JUNK_HEADERS = [b"", b"\xff", b"x" * 2000, b"-1", b"sha-256=:x:"]
JUNK_QUERIES = ["", "limit=1e9&cursor=%00", f"limit={10**40}&k=-1&cursor=AAA", "x=%FF&k=NaN"]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path template and description of each `/v1` route."""
    for path, methods in DOCUMENT["paths"].items():
        for method in METHODS:
            if path.startswith("/v1") and method in methods:
                yield method, path, methods[method]


DOCUMENT = create_app().openapi()
OPERATIONS = list(operations())
EVERY = pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS]
)


def filled(path: str, value: str) -> str:
    """The path with every parameter replaced."""
    for name in [part.split("}")[0] for part in path.split("{")[1:]]:
        path = path.replace(f"{{{name}}}", value)
    return path


def fields_of(operation: dict[str, Any]) -> list[str]:
    """Names of the JSON body's fields, of every alternative."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get(JSON, {}).get("schema", {})
    alternatives = [schema, *schema.get("oneOf", []), *schema.get("anyOf", [])]
    resolved = [
        DOCUMENT["components"]["schemas"].get(a.get("$ref", "").split("/")[-1], a)
        for a in alternatives
    ]
    return sorted({name for one in resolved for name in one.get("properties", {})})


def junk_requests(path: str, operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments of requests that are wrong in one place each: path, query, body, field, header."""
    url = filled(path, "x")
    for segment, query in itertools.product(JUNK_SEGMENTS, JUNK_QUERIES):
        yield {"url": f"{filled(path, segment)}?{query}"}
    for content_type, body in JUNK_BODIES:
        headers = {} if content_type is None else {"Content-Type": content_type}
        yield {"url": url, "content": body, "headers": headers}
    for name, value in itertools.product(fields_of(operation), JUNK_VALUES):
        content = json.dumps({name: value}).encode()
        yield {"url": url, "content": content, "headers": {"Content-Type": JSON}}
    named = [p["name"] for p in operation.get("parameters", []) if p["in"] == "header"]
    for name, junk in itertools.product([*named, *HEADERS], JUNK_HEADERS):
        yield {"url": url, "headers": {name.encode(): junk}}


def check_problem(answer: httpx.Response) -> None:
    """No server error, and every refusal is a problem document."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["type"] == f"/problems/{problem['reason']}"


async def test_anonymous_is_refused(
    anonymous: httpx.AsyncClient, snapshot: Callable[[], Any]
) -> None:
    before = await snapshot()
    for method, path, _ in OPERATIONS:
        answer = await anonymous.request(method, filled(path, "x"), json={})
        check_problem(answer)
        assert answer.status_code >= 400
        if (method, path) not in OPEN:
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["www-authenticate"] == "Bearer"
    assert await snapshot() == before


@EVERY
async def test_junk_is_never_a_server_error(
    client: httpx.AsyncClient,
    connect: Callable[[str | None], httpx.AsyncClient],
    mint: Callable[..., str],
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    for one in (client, connect(mint("user", "x"))):
        for request in junk_requests(path, operation):
            check_problem(await one.request(method, **request))


@EVERY
def test_each_route_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "4XX" in operation["responses"]
    assert any(status.startswith("2") for status in operation["responses"])


def test_operation_ids_are_distinct() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
