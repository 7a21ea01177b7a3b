"""One device of every conduct against the real service, and books that do not add up."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.rounds import leases_repository
from app.rounds.leases_repository import Update
from app.settings import RoundSettings
from evaluation.drill.behaviour import CONDUCTS, Profile
from evaluation.drill.books import Books, breaches
from evaluation.drill.rehearsal import Rehearsal
from evaluation.drill.trace import Arrival, Happening, Trace
from tests.evaluation.drill.crowd import live_through

HOUR_S = 3_600.0
PROFILE = Profile(skew_s=0.0, down_bps=1e6, up_bps=1e6, train_s=5.0)
WRONG_CLOCK = replace(PROFILE, skew_s=-86_400.0)
# Everybody comes within the first round, which ends by its deadline; the last one comes alone.
CONDUCT_OF = dict(enumerate((*CONDUCTS, "honest", "honest")))
WRONG, ALONE = len(CONDUCTS), len(CONDUCTS) + 1
ROUNDS = RoundSettings(
    _env_file=None, cohort_target=len(CONDUCT_OF), cohort_min=2, deadline_s=HOUR_S, lease_s=90.0
)
TRACE = Trace(
    seed=1,
    days=0.1,
    devices=tuple(WRONG_CLOCK if n == WRONG else PROFILE for n in CONDUCT_OF),
    arrivals=tuple(
        Arrival(1.5 * HOUR_S if n == ALONE else 10.0 * (n + 1), n, 1.0, conduct)  # type: ignore[arg-type]
        for n, conduct in CONDUCT_OF.items()
    ),
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Rehearsal:
    return asyncio.run(live_through(TRACE, ROUNDS, tmp_path_factory.mktemp("lived"), redis_url))


def story(lived: Rehearsal, device: int) -> list[str]:
    """What happened to a device: the reason where it was refused, polls and nonces left out."""
    happenings = [one for one in lived.happenings if one.device == device]
    told = [str(one.fields.get("reason", one.what)) for one in happenings]
    return [one for one in told if one not in ("told_to_wait", "told_nonce")]


BEGINNING = ["renewed", "granted", "downloaded"]


@pytest.mark.parametrize(
    ("conduct", "ends"),
    [
        ("honest", [["accepted"]]),
        ("drop_out", [["dropped_out"]]),
        ("late", [["assignment_expired"]]),
        ("twice", [["accepted", "repeated", "repeated"]]),
        ("malformed", [["wrong_length"], ["bad_magic"], ["wrong_plan"]]),
        ("off_grid", [["off_grid"], ["metric_out_of_range"]]),
        ("foreign", [["not_assigned"]]),
        ("other_bytes", [["accepted", "update_conflict"]]),
    ],
)
def test_each_conduct_meets_its_answer(
    conduct: str, ends: list[list[str]], lived: Rehearsal
) -> None:
    found = story(lived, CONDUCTS.index(conduct))  # type: ignore[arg-type]
    assert found[:3] == BEGINNING
    assert found[3:] in ends


def test_a_replay_gets_the_receipt_of_before_when_the_round_is_over(lived: Rehearsal) -> None:
    device = CONDUCTS.index("replay")
    assert story(lived, device) == [*BEGINNING, "accepted", "token_expired", "renewed", "repeated"]
    (again,) = (h for h in lived.happenings if (h.what, h.device) == ("repeated", device))
    assert again.at > HOUR_S


def test_a_wrong_clock_learns_the_time_and_takes_part(lived: Rehearsal) -> None:
    assert story(lived, WRONG) == ["proof_expired", *BEGINNING, "accepted"]


def test_who_comes_alone_is_acknowledged_and_discarded(lived: Rehearsal) -> None:
    (accepted,) = (h for h in lived.happenings if h.what == "accepted" and h.device == ALONE)
    assert lived.books.outcomes[accepted.fields["lease"]] == "discarded"
    assert sorted(set(lived.books.outcomes.values())) == ["counted", "discarded"]


def test_the_books_add_up(lived: Rehearsal) -> None:
    assert lived.broken == ()
    published = [one for one in lived.books.rounds if one["phase"] == "published"]
    assert [one["accepted"] for one in published] == [5]


def lost(books: Books) -> Books:
    return replace(books, outcomes={**books.outcomes, next(iter(books.outcomes)): "pending"})


def forgotten(books: Books) -> Books:
    return replace(books, outcomes=dict(list(books.outcomes.items())[1:]))


def discarded(books: Books) -> Books:
    return replace(books, outcomes={**books.outcomes, next(iter(books.outcomes)): "discarded"})


def counts_one_more(books: Books) -> Books:
    rounds = tuple({**one, "accepted": one["accepted"] + 1} for one in books.rounds)
    return replace(books, rounds=rounds)


def never_published(books: Books) -> Books:
    return replace(books, versions=books.versions[:1])


def changed_record(books: Books) -> Books:
    newest = books.records[-1]
    changed = newest.record.replace(b'"count":5', b'"count":4')
    assert changed != newest.record
    return replace(books, records=(*books.records[:-1], replace(newest, record=changed)))


@pytest.mark.parametrize(
    "spoil", [lost, forgotten, discarded, counts_one_more, never_published, changed_record]
)
def test_books_that_do_not_add_up_are_found(
    spoil: Callable[[Books], Books], lived: Rehearsal
) -> None:
    assert breaches(lived.happenings, spoil(lived.books))


def test_an_account_that_is_acknowledged_twice_is_found(lived: Rehearsal) -> None:
    accepted = next(one for one in lived.happenings if one.what == "accepted")
    again = Happening(accepted.at, accepted.device, "accepted", accepted.fields)
    found = breaches([*lived.happenings, again], lived.books)
    assert any("acknowledged 2 times" in what for what in found)


async def test_a_service_that_forgets_what_it_acknowledged_is_found(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted bug: the round counts the update, whose own record is never written."""
    whole, forgotten = leases_repository.add_updates, []

    async def forgetful(
        connection: AsyncConnection, accepted: Sequence[tuple[Update, int | None]]
    ) -> None:
        if not forgotten:
            (first, _), *accepted = accepted
            forgotten.append(first.assignment_id)
        if accepted:
            await whole(connection, accepted)

    monkeypatch.setattr(leases_repository, "add_updates", forgetful)
    lived = await live_through(TRACE, ROUNDS, tmp_path, redis_url)
    assert lived.books.outcomes[forgotten[0]] == "not_found"
    assert any("neither counted nor discarded" in what for what in lived.broken)
