"""A service that asks more often than its plans promise, and a device that counts by itself."""

from typing import Any

import pytest

from clients.python.outcomes import Accepted, Declined, Failed, Outcome
from clients.python.participation_ledger import TAKEN_MAX, ParticipationLedger
from federation.canonical import canonical_json, digest
from federation.plan import Plan
from tests.clients.rounds_service import Fault, Rig, Service

LEASE_S = 30.0


def promise(service: Service, **rules: Any) -> None:
    """The plans of the service say so from now on, whatever it does."""
    service.plan = {**service.plan, **rules}
    service.plan_digest = digest(canonical_json(service.plan))


def take_part(rig: Rig, device: Any, round_id: int) -> Outcome:
    """The service asks in this round; the outcome, with the clock behind it."""
    rig.service.round = round_id
    rig.now += 10 * LEASE_S
    outcome: Outcome = device.take_part(rig.now)
    return outcome


def declined(outcome: Outcome) -> bool:
    return isinstance(outcome, Declined) and outcome.reason == "asked_too_often"


class TestALyingService:
    def test_asks_again_before_the_separation_is_over(self, rig: Rig) -> None:
        promise(rig.service, min_separation=2)
        device = rig.enrol()
        assert isinstance(take_part(rig, device, 5), Accepted)
        n_downloads = rig.service.count("GET /v1/models/1/bundles")
        for round_id in (5, 6, 7):
            assert declined(take_part(rig, device, round_id))
        assert rig.service.count("PUT") == 1
        assert rig.service.count("GET /v1/models/1/bundles") == n_downloads, "before any work"
        assert isinstance(take_part(rig, device, 8), Accepted)

    def test_asks_more_often_than_the_cap(self, rig: Rig) -> None:
        promise(rig.service, participations_max=2)
        device = rig.enrol()
        outcomes = [take_part(rig, device, round_id) for round_id in range(1, 5)]
        assert [isinstance(one, Accepted) for one in outcomes] == [True, True, False, False]
        assert declined(outcomes[2])
        assert declined(outcomes[3])
        assert rig.service.count("PUT") == 2

    def test_is_refused_by_the_next_process_as_well(self, rig: Rig) -> None:
        promise(rig.service, participations_max=1)
        with rig.enrol() as device:
            assert isinstance(take_part(rig, device, 1), Accepted)
        assert declined(take_part(rig, rig.reopen(), 2))

    def test_numbers_its_rounds_backwards(self, rig: Rig) -> None:
        promise(rig.service, min_separation=1)
        device = rig.enrol()
        assert isinstance(take_part(rig, device, 9), Accepted)
        assert declined(take_part(rig, device, 3))

    def test_asks_for_what_was_counted_is_asked_but_once(self, rig: Rig) -> None:
        promise(rig.service, min_separation=9)
        device = rig.enrol()
        take_part(rig, device, 1)
        for round_id in (2, 3):
            assert declined(take_part(rig, device, round_id))
        assert sum(line.endswith("/proof") for line in rig.service.log) == 1


class TestAnHonestService:
    def test_may_ask_again_after_an_abandoned_round(self, rig: Rig) -> None:
        promise(rig.service, min_separation=3, participations_max=2)
        device = rig.enrol()
        for round_id in (1, 2, 3):
            outcome = take_part(rig, device, round_id)
            assert isinstance(outcome, Accepted)
            rig.service.discarded.add(outcome.receipt.assignment)
        assert isinstance(take_part(rig, device, 4), Accepted)
        assert declined(take_part(rig, device, 5))

    def test_is_asked_again_when_it_is_away(self, rig: Rig) -> None:
        promise(rig.service, min_separation=3)
        device = rig.enrol()
        outcome = take_part(rig, device, 1)
        assert isinstance(outcome, Accepted)
        rig.service.discarded.add(outcome.receipt.assignment)
        rig.service.faults.append(Fault("GET /v1/updates/", status=503))
        assert isinstance(take_part(rig, device, 2), Failed)
        assert isinstance(take_part(rig, device, 2), Accepted)

    def test_that_promises_nothing_is_asked_for_nothing(self, rig: Rig) -> None:
        device = rig.enrol()
        for _ in range(3):
            assert isinstance(take_part(rig, device, 1), Accepted)
        assert not any(line.endswith("/proof") for line in rig.service.log)


@pytest.fixture
def capped() -> Plan:
    return Plan.from_mapping({**Service().plan, "participations_max": TAKEN_MAX + 1})


def test_an_update_is_in_the_ledger_once() -> None:
    ledger = ParticipationLedger().add("a", 1).add("a", 1)
    assert len(ledger.taken) == 1


def test_a_long_life_is_counted_whole_and_kept_short(capped: Plan) -> None:
    ledger = ParticipationLedger()
    for n in range(TAKEN_MAX):
        ledger = ledger.add(str(n), n)
    assert ledger.objection(capped, TAKEN_MAX) is None
    ledger = ledger.add("one more", TAKEN_MAX)
    assert (ledger.earlier, len(ledger.taken)) == (1, TAKEN_MAX)
    objection = ledger.objection(capped, TAKEN_MAX + 1)
    assert objection is not None
    assert objection.reason == "asked_too_often"
