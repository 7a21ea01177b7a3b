"""What a device will not do, whoever runs the service: nothing is uploaded, its tower is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clients.python.answers import Assignment
from clients.python.objections import Objection
from clients.python.outcomes import Accepted, Declined
from clients.python.plan_checks import DeviceLimits, check_plan
from federation.canonical import canonical_json, digest
from tests.clients.made_up_model import World
from tests.clients.rounds_service import Rig, Service

Spoil = Callable[[Service], None]


def plan(**changes: Any) -> Spoil:
    """A plan with other fields, under its own right digest."""

    def spoil(service: Service) -> None:
        service.plan = {**service.plan, **changes}
        service.plan_digest = digest(canonical_json(service.plan))

    return spoil


def grid(**changes: Any) -> Spoil:
    def spoil(service: Service) -> None:
        plan(grid={**service.plan["grid"], **changes})(service)

    return spoil


def training(**changes: Any) -> Spoil:
    def spoil(service: Service) -> None:
        plan(training={**service.plan["training"], **changes})(service)

    return spoil


def bundle(**changes: Any) -> Spoil:
    """Another bundle, rightly named by the plan."""

    def spoil(service: Service) -> None:
        service.bundle = service.world.bundle(**changes)
        plan(bundle=digest(service.bundle))(service)

    return spoil


def assignment(**changes: Any) -> Spoil:
    def spoil(service: Service) -> None:
        service.assignment_changes = changes

    return spoil


def swapped_bundle(service: Service) -> None:
    service.bundle = World(seed=9).bundle()


def without(field: str) -> Spoil:
    def spoil(service: Service) -> None:
        service.plan = {name: value for name, value in service.plan.items() if name != field}
        service.plan_digest = digest(canonical_json(service.plan))

    return spoil


def one_metric(service: Service) -> None:
    grid(metric_max=[1.0])(service)
    plan(n_metrics=1)(service)


NAN_ROWS = np.full((40, 8), np.nan, np.float16)

ABSURD: dict[str, tuple[str, Spoil]] = {
    "mode to come": ("mode_unknown", plan(mode="masked")),
    "no mode": ("mode_unknown", without("mode")),
    "clip of zero": ("plan_malformed", grid(clip_l2=0.0)),
    "negative clip": ("plan_malformed", grid(clip_l2=-1.0)),
    "unknown field": ("plan_malformed", plan(surprise=1)),
    "field missing": ("plan_malformed", without("grid")),
    "training no object": ("plan_malformed", plan(training=[])),
    "another plan's digest": ("plan_digest_mismatch", assignment(plan_digest=digest(b"other"))),
    "other metrics": ("metrics_unknown", one_metric),
    "unknown setting": ("settings_unknown", training(mine_coins=1)),
    "setting out of range": ("settings_unknown", training(n_cuts=0)),
    "endless work": ("plan_excessive", training(local_steps=10**9)),
    "endless cuts": ("plan_excessive", training(n_cuts=10**9)),
    "endless upload": ("plan_excessive", plan(n_values=2**31)),
    "foreign bundle": ("foreign_url", assignment(bundle_url="http://evil.invalid/b")),
    "foreign upload": ("foreign_url", assignment(upload_url="//evil.invalid/u")),
    "other bytes": ("bundle_digest_mismatch", swapped_bundle),
    "rows of NaN": ("bundle_malformed", bundle(target=NAN_ROWS)),
    "block out of range": ("bundle_malformed", bundle(block=np.array([0, 4000]))),
    "another version": ("bundle_version_mismatch", bundle(metadata={"model_version": "2"})),
    "another block": ("block_mismatch", bundle(block=np.arange(1, 40, 2))),
    "block of another length": ("block_mismatch", plan(n_block=3)),
    "too few words": ("n_words_mismatch", plan(n_values=7)),
    "training that diverges": ("training_diverged", training(local_rate=1e300)),
}


@pytest.mark.parametrize(("reason", "spoil"), ABSURD.values(), ids=ABSURD.keys())
def test_an_absurd_plan_is_declined(rig: Rig, reason: str, spoil: Spoil) -> None:
    device = rig.enrol()
    device.sync()
    device.adapt()
    tower = (device.folder / "tower.safetensors").read_bytes()
    spoil(rig.service)
    outcome = device.take_part(rig.now)
    assert isinstance(outcome, Declined), outcome
    assert outcome.reason == reason
    assert outcome.granted == rig.service.granted["a"]
    assert rig.service.count("PUT") == 0
    assert not (device.folder / "pending.update").exists()
    assert (device.folder / "tower.safetensors").read_bytes() == tower


def test_a_declined_plan_is_not_asked_for_again_before_its_lease_ends(rig: Rig) -> None:
    device = rig.enrol()
    plan(mode="masked")(rig.service)
    outcome = device.take_part(rig.now)
    assert outcome.until == rig.now + 30.0
    n_requests = len(rig.service.log)
    device.take_part(rig.now + 29.0)
    assert len(rig.service.log) == n_requests


def test_after_a_declined_plan_the_device_takes_part_in_a_sound_one(rig: Rig) -> None:
    device = rig.enrol()
    sound = rig.service.plan, rig.service.plan_digest
    plan(mode="masked")(rig.service)
    outcome = device.take_part(rig.now)
    rig.service.plan, rig.service.plan_digest = sound
    assert isinstance(device.take_part(outcome.until), Accepted)


def test_an_absurd_plan_costs_no_download(rig: Rig) -> None:
    device = rig.enrol()
    grid(clip_l2=-1.0)(rig.service)
    device.take_part(rig.now)
    assert rig.service.count("GET /v1/models/1/bundles") == 0


def test_a_user_may_refuse_that_the_service_reads_updates(rig: Rig) -> None:
    device = rig.enrol(limits=DeviceLimits(modes=()))
    outcome = device.take_part(rig.now)
    assert isinstance(outcome, Declined)
    assert outcome.reason == "mode_unknown"


def test_a_bundle_that_is_too_long_is_not_read_to_its_end(rig: Rig) -> None:
    device = rig.enrol(limits=DeviceLimits(bundle_bytes_max=100))
    outcome = device.take_part(rig.now)
    assert not isinstance(outcome, Accepted)
    assert outcome.until == rig.now + 30.0
    assert rig.service.count("PUT") == 0


@pytest.mark.parametrize("value", [None, [], "plain", {"deep": [[[]]]}, {1: 2}, float("nan")])
def test_no_plan_raises(value: Any) -> None:
    for name in ("grid", "training", "n_values", "mode", "block"):
        service = Service()
        service.plan = {**service.plan, name: value}
        given = Assignment("a", 1, service.plan_digest, service.plan, "/b", "/u", 30.0)
        assert isinstance(check_plan(given, DeviceLimits()), tuple | Objection)
