"""Answers of the service: malformed ones are failures, never errors of the device."""

import json
from typing import Any

import pytest

from clients.python.answers import (
    Answer,
    CheckIn,
    Failure,
    Receipt,
    read_check_in,
    read_problem,
    read_receipt,
    retry_after_s,
)
from federation.canonical import digest

DIGEST = digest(b"")
ASSIGNMENT = {
    "id": "a",
    "round": 3,
    "plan_digest": DIGEST,
    "plan": {"mode": "plain"},
    "bundle_url": "/b",
    "upload_url": "/u",
    "expires_at": "2030-01-01T00:02:00.500Z",
}
CHECK_IN = {
    "assignment": ASSIGNMENT,
    "retry": None,
    "model_version": 7,
    "catalogue": DIGEST,
    "token": "t",
    "token_expires_at": "2030-01-01T01:00:00Z",
    "server_time": "2030-01-01T00:00:00Z",
}
RECEIPT = {
    "staleness": 2,
    "assignment": "a",
    "round": 3,
    "body_digest": DIGEST,
    "accepted_at": "2030-01-01T00:00:00Z",
    "outcome": "pending",
    "signed": "s",
}


def answer(document: Any) -> Answer:
    return Answer(200, {}, json.dumps(document).encode())


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"null", b'{"assignment": null}', b"[" * 100_000, b"\xff"],
    ids=["empty", "list", "broken", "null", "fields missing", "deep", "not UTF-8"],
)
def test_what_is_no_answer_fails(body: bytes) -> None:
    for read in (read_check_in, read_receipt):
        found = read(Answer(200, {}, body))
        assert isinstance(found, Failure)
        assert (found.status, found.reason, found.transient) == (None, "malformed_answer", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"assignment": "a"},
        {"assignment": {**ASSIGNMENT, "plan": []}},
        {"assignment": {**ASSIGNMENT, "plan_digest": "sha256:00"}},
        {"assignment": {**ASSIGNMENT, "expires_at": "2030-01-01T00:02:00"}},
        {"assignment": {**ASSIGNMENT, "expires_at": "soon"}},
        {"assignment": {**ASSIGNMENT, "round": -1}},
        {"assignment": {k: v for k, v in ASSIGNMENT.items() if k != "upload_url"}},
        {"retry": {"after_s": 5}},
        {"retry": {"after_s": 5, "before_s": 4}},
        {"retry": {"after_s": -1, "before_s": 4}},
        {"retry": [1, 2]},
        {"model_version": "7"},
        {"catalogue": "x"},
        {"token": ""},
        {"server_time": 5},
    ],
)
def test_a_check_in_with_a_wrong_field_fails(changes: dict[str, Any]) -> None:
    assert isinstance(read_check_in(answer(CHECK_IN | changes)), Failure)


@pytest.mark.parametrize("field", sorted(RECEIPT))
def test_a_receipt_lacks_no_field(field: str) -> None:
    without = {name: value for name, value in RECEIPT.items() if name != field}
    assert isinstance(read_receipt(answer(without)), Failure)
    assert isinstance(read_receipt(answer(RECEIPT | {field: None})), Failure)


def test_a_check_in_is_read_and_new_fields_are_left_alone() -> None:
    found = read_check_in(answer(CHECK_IN | {"later": 1}))
    assert isinstance(found, CheckIn)
    assert found.assignment is not None
    assert found.assignment.lease_s == 120.5
    assert (found.model_version, found.catalogue, found.retry) == (7, DIGEST, None)


def test_a_lease_that_has_ended_has_nothing_left() -> None:
    late = {**ASSIGNMENT, "expires_at": "2029-01-01T00:00:00Z"}
    found = read_check_in(answer(CHECK_IN | {"assignment": late}))
    assert isinstance(found, CheckIn)
    assert found.assignment is not None
    assert found.assignment.lease_s == 0.0


def test_a_check_in_before_any_model_is_read() -> None:
    early = {"assignment": None, "model_version": None, "catalogue": None}
    retry = {"after_s": 1, "before_s": 2.5}
    found = read_check_in(answer(CHECK_IN | early | {"retry": retry}))
    assert found == CheckIn(None, (1, 2.5), None, None, "t")


def test_a_receipt_is_read() -> None:
    found = read_receipt(answer(RECEIPT | {"mode": "plain"}))
    assert found == Receipt("a", 3, DIGEST, "2030-01-01T00:00:00Z", "pending", "s", 2)


def test_a_problem_document_becomes_a_failure() -> None:
    document = {
        "reason": "invalid_field",
        "detail": "code: too long",
        "errors": [{"field": "code", "message": "too long"}, "odd"],
    }
    headers = {"content-type": "application/problem+json", "retry-after": "7"}
    found = read_problem(422, headers, json.dumps(document).encode(), 0.0)
    assert (found.status, found.reason, found.detail) == (422, "invalid_field", "code: too long")
    assert found.errors == (("code", "too long"),)
    assert found.retry_after_s == 7.0
    assert not found.transient


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<h1>Bad Gateway</h1>"),
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/problem+json", b'{"reason": 5}'),
        ("application/problem+json", b'{"reason": "", "errors": 3}'),
    ],
)
def test_an_answer_without_a_problem_is_named_by_its_status(kind: str, body: bytes) -> None:
    found = read_problem(502, {"content-type": kind}, body, 0.0)
    assert (found.reason, found.transient) == ("http_502", True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("12", 12.0),
        (" 0 ", 0.0),
        ("-5", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 0.0),
    ],
)
def test_retry_after_holds_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, now=100.0) == seconds
