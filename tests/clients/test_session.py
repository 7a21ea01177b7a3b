"""Decisions of the device's side of the protocol, without any I/O."""

import math

import pytest

from clients.python.answers import Assignment, CheckIn, Failure, Receipt
from clients.python.objections import REASONS, Objection
from clients.python.outcomes import Accepted, Declined, Dropped, Ended, Failed, Waits
from clients.python.session import (
    AskForWork,
    RetryPolicy,
    Send,
    Session,
    Wait,
    next_step,
)
from clients.python.state import PendingUpload, Schedule
from federation.canonical import digest

POLICY = RetryPolicy(first_s=2.0, most_s=100.0, spread=0.5, permanent_s=1000.0)
PENDING = PendingUpload("a", 1, "http://h/u", digest(b"x"), b"x", "signature")
NOW = 50.0


def low(after: float, before: float) -> float:
    """The smallest number that could be drawn."""
    return after


def high(after: float, before: float) -> float:
    """The largest number that could be drawn."""
    return before


def failure(status: int | None, reason: str = "planned", wait_s: float | None = None) -> Failure:
    return Failure(status, reason, "", retry_after_s=wait_s)


def check_in(**changes: object) -> CheckIn:
    given = {"assignment": None, "retry": None, "model_version": 1, "catalogue": None, "token": "t"}
    return CheckIn(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 411, 413, 415, 422])
def test_a_final_refusal_is_not_repeated(status: int) -> None:
    ended = Session(POLICY, low).on_failure(failure(status), NOW, 0)
    assert ended == Dropped(reason="planned", detail="", until=NOW + 800.0)


@pytest.mark.parametrize("status", [None, 401, 408, 425, 429, 500, 502, 503, 504])
def test_what_may_succeed_later_is_repeated(status: int | None) -> None:
    ended = Session(POLICY, low).on_failure(failure(status), NOW, 0)
    assert ended == Failed(reason="planned", detail="", until=NOW + 1.0)


def test_a_round_on_hold_keeps_the_update() -> None:
    assert isinstance(Session(POLICY, low).on_failure(failure(409, "round_paused"), NOW, 0), Failed)


@pytest.mark.parametrize(
    "reason", ["not_assigned", "assignment_expired", "round_closed", "update_conflict"]
)
def test_a_missed_round_does_not_keep_the_device_from_the_next(reason: str) -> None:
    ended = Session(POLICY, high).on_failure(failure(410, reason), NOW, 0)
    assert ended == Dropped(reason=reason, detail="", until=NOW + 3.0)


def test_a_withdrawn_enrolment_ends_it() -> None:
    ended = Session(POLICY, low).on_failure(failure(403, "device_revoked"), NOW, 0)
    assert isinstance(ended, Ended)
    assert ended.until == math.inf


def test_waits_double_with_every_failure_up_to_the_longest() -> None:
    session = Session(POLICY, low)
    waits = [session.on_failure(failure(500), NOW, n).until - NOW for n in range(9)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 50.0, 50.0, 50.0]
    assert session.on_failure(failure(500), NOW, 10_000).until == NOW + 50.0


def test_waits_are_spread() -> None:
    assert Session(POLICY, high).on_failure(failure(500), NOW, 0).until == NOW + 3.0


def test_retry_after_is_never_undercut_and_spread_as_well() -> None:
    assert Session(POLICY, low).on_failure(failure(503, wait_s=30.0), NOW, 0).until == NOW + 30.0
    assert Session(POLICY, high).on_failure(failure(503, wait_s=30.0), NOW, 0).until == NOW + 45.0
    assert Session(POLICY, low).on_failure(failure(429, wait_s=0.5), NOW, 3).until == NOW + 8.0


def test_an_absurd_retry_after_is_bounded() -> None:
    ended = Session(POLICY, low).on_failure(failure(503, wait_s=1e12), NOW, 0)
    assert ended.until == NOW + POLICY.wait_most_s


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt("b", 1, digest(b"x"), "2030-01-01T00:00:00Z", "pending", "s"),
        Receipt("a", 1, digest(b"y"), "2030-01-01T00:00:00Z", "pending", "s"),
    ],
)
def test_a_receipt_for_something_else_is_none(receipt: Receipt) -> None:
    ended = Session(POLICY, low).on_upload(PENDING, receipt, 201, NOW, 0)
    assert isinstance(ended, Failed)
    assert ended.reason == "wrong_receipt"


@pytest.mark.parametrize(("status", "replayed"), [(201, False), (200, True)])
def test_a_receipt_ends_the_assignment(status: int, replayed: bool) -> None:
    receipt = Receipt("a", 1, digest(b"x"), "2030-01-01T00:00:00Z", "pending", "s")
    ended = Session(POLICY, low).on_upload(PENDING, receipt, status, NOW, 4)
    assert ended == Accepted(receipt=receipt, replayed=replayed, until=NOW)


def test_a_missing_bundle_waits_for_the_end_of_the_lease() -> None:
    session = Session(POLICY, low)
    gone = session.on_download_failure(failure(404, "not_found"), 30.0, NOW, 0)
    assert gone == Dropped(reason="not_found", detail="", until=NOW + 30.0)
    assert session.on_download_failure(failure(404), 0.0, NOW, 0).until == NOW + 1.0
    assert session.on_download_failure(failure(404), 1e9, NOW, 0).until == NOW + 1000.0
    assert isinstance(session.on_download_failure(failure(503), 30.0, NOW, 0), Failed)


def test_an_objection_waits_for_the_end_of_the_lease() -> None:
    ended = Session(POLICY, low).on_objection(Objection("mode_unknown", "why"), 30.0, NOW)
    assert ended == Declined(reason="mode_unknown", detail="why", until=NOW + 30.0)


def test_an_objection_has_a_known_reason() -> None:
    with pytest.raises(ValueError, match="unknown code"):
        Objection("because", "")
    assert all(text.endswith(".") for text in REASONS.values())


def test_a_window_is_drawn_from_once() -> None:
    assert Session(POLICY, low).on_check_in(check_in(retry=(5.0, 9.0)), NOW, 0) == Waits(until=55.0)
    assert Session(POLICY, high).on_check_in(check_in(retry=(5.0, 9.0)), NOW, 0) == Waits(
        until=59.0
    )


def test_an_absurd_window_is_bounded() -> None:
    told = Session(POLICY, high).on_check_in(check_in(retry=(1e12, 1e13)), NOW, 0)
    assert isinstance(told, Waits)
    assert told.until == NOW + POLICY.wait_most_s


def test_neither_work_nor_window_is_a_short_wait() -> None:
    assert Session(POLICY, low).on_check_in(check_in(), NOW, 0) == Waits(until=NOW + 1.0)


def test_an_assignment_is_handed_on() -> None:
    given = Assignment("a", 1, digest(b""), {}, "/b", "/u", 30.0)
    assert Session(POLICY, low).on_check_in(check_in(assignment=given), NOW, 0) is given


def test_the_first_step_is_to_wait_then_to_send_then_to_ask() -> None:
    later = Schedule(not_before=60.0, written_at=40.0)
    assert next_step(later, PENDING, NOW) == Wait(60.0)
    assert next_step(later, PENDING, 60.0) == Send(PENDING)
    assert next_step(Schedule(), PENDING, NOW) == Send(PENDING)
    assert next_step(Schedule(), None, NOW) == AskForWork()
