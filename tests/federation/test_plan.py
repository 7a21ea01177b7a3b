import copy
import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.canonical import canonical_json, digest
from federation.grid import Grid
from federation.plan import COHORT_LIMIT, Plan

NAN, INFINITY = float("nan"), float("inf")

BAD_FIELDS: list[tuple[str, Any]] = [
    ("model_version", -1),
    ("model_version", True),
    ("model_version", "7"),
    ("model_version", 7.0),
    ("bundle", "sha256:abc"),
    ("bundle", None),
    ("block", 5),
    ("n_block", -1),
    ("n_values", 0),
    ("n_values", 2**32),
    ("n_metrics", 2),
    ("n_metrics", True),
    ("mode", "masked"),
    ("mode", ["plain"]),
    ("training", [1]),
    ("training", {"rate": NAN}),
    ("training", {"rate": INFINITY}),
    ("training", {"rate": None}),
    ("training", {"rate": True}),
    ("training", {"rate": 10**400}),
    ("training", {"seed": 2**60 + 1}),
    ("training", {"name": "\ud800"}),
    ("training", {"": 1}),
    ("cohort_target", 0),
    ("cohort_target", COHORT_LIMIT + 1),
    ("cohort_min", 0),
    ("cohort_min", 11),
    ("cohort_limit", 0),
    ("cohort_limit", COHORT_LIMIT + 1),
    ("deadline_s", 0),
    ("deadline_s", NAN),
    ("deadline_s", INFINITY),
    ("deadline_s", 10**400),
    ("deadline_s", "600"),
    ("lease_s", -1.0),
    ("lease_s", True),
    ("max_staleness", 65),
    ("max_staleness", -1),
    ("min_separation", -1),
    ("participations_max", -1),
    ("noise", {"multiplier": 1.0}),
]

BAD_GRID: list[tuple[str, Any]] = [
    ("clip_l2", 0),
    ("clip_l2", NAN),
    ("clip_l2", 1e13),
    ("clip_l2", None),
    ("levels", 0),
    ("levels", 2**31),
    ("levels", 1.0),
    ("modulus_bits", 64),
    ("metric_max", [1.0, 0.0, 1.0]),
    ("metric_max", [1.0, NAN, 1.0]),
    ("metric_max", 1.0),
    ("metric_max", "abc"),
]


def document(plan: Plan) -> dict[str, Any]:
    return json.loads(plan.to_json())  # type: ignore[no-any-return]


@pytest.mark.parametrize(("name", "value"), BAD_FIELDS)
def test_bad_field_is_named(make_plan: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        make_plan(**{name: value})
    body = json.dumps(document(make_plan()) | {name: value}).encode()
    with pytest.raises(ValueError, match=name):
        Plan.from_json(body)


@pytest.mark.parametrize(("name", "value"), BAD_GRID)
def test_bad_grid_field_is_named(make_plan: Any, name: str, value: Any) -> None:
    plain = document(make_plan())
    plain["grid"] |= {name: value}
    with pytest.raises(ValueError, match=f"^grid.{name}"):
        Plan.from_json(json.dumps(plain).encode())


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Plan)])
def test_missing_field_is_named(make_plan: Any, name: str) -> None:
    plain = document(make_plan())
    del plain[name]
    with pytest.raises(ValueError, match=f"^{name}: missing"):
        Plan.from_json(json.dumps(plain).encode())


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Grid)])
def test_missing_grid_field_is_named(make_plan: Any, name: str) -> None:
    plain = document(make_plan())
    del plain["grid"][name]
    with pytest.raises(ValueError, match=rf"^grid\.{name}: missing"):
        Plan.from_json(json.dumps(plain).encode())


def test_unknown_fields_are_named(make_plan: Any) -> None:
    plain = document(make_plan())
    with pytest.raises(ValueError, match=r"^extra: unknown"):
        Plan.from_mapping(plain | {"extra": 1})
    with pytest.raises(ValueError, match=r"^grid\.extra: unknown"):
        Plan.from_mapping(plain | {"grid": plain["grid"] | {"extra": 1}})


def test_repeated_field_is_named(make_plan: Any) -> None:
    body = make_plan().to_json().replace(b'"n_block":3', b'"n_block":3,"n_block":4')
    with pytest.raises(ValueError, match=r"^n_block: given twice"):
        Plan.from_json(body)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"grid":' * 50_000, b"1" * 9999]
)
def test_no_document_at_all(body: bytes) -> None:
    with pytest.raises(ValueError):
        Plan.from_json(body)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        Plan.from_json(body)


@given(data=st.data())
def test_edited_plan_is_refused_or_differs(make_plan: Any, data: st.DataObject) -> None:
    body = make_plan().to_json()
    position = data.draw(st.integers(0, len(body) - 1))
    edited = bytearray(body)
    edited[position] ^= data.draw(st.integers(1, 255))
    try:
        plan = Plan.from_json(bytes(edited))
    except ValueError:
        return
    assert plan != make_plan() or canonical_json(json.loads(edited)) == body


def test_sum_of_a_whole_cohort_must_stay_in_range(make_plan: Any) -> None:
    make_plan(cohort_limit=2047)
    make_plan(cohort_limit=2048, grid=Grid(1.0, levels=2**20 - 1))
    with pytest.raises(ValueError, match="cohort_limit"):
        make_plan(cohort_limit=2048)
    with pytest.raises(ValueError, match="cohort_limit"):
        make_plan(cohort_limit=COHORT_LIMIT, grid=Grid(1.0, levels=2**21))


def test_round_trip_and_digest(make_plan: Any) -> None:
    plan = make_plan()
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.to_json() == plan.to_json()
    assert again.digest == plan.digest == digest(plan.to_json())
    assert hash(again) == hash(plan)
    assert plan.n_words == 54


def test_digest_follows_every_field(make_plan: Any) -> None:
    changes = [
        {"model_version": 8},
        {"bundle": digest(b"other")},
        {"block": digest(b"other")},
        {"n_block": 4},
        {"n_values": 51},
        {"grid": Grid(1.5, levels=2**19)},
        {"grid": Grid(1.25)},
        {"grid": Grid(1.5, metric_max=(1.0, 16.0, 1.0, 2.0))},
        {"grid": Grid(1.5, metric_max=(1.0,)), "n_metrics": 1},
        {"training": {}},
        {"cohort_target": 11},
        {"cohort_min": 5},
        {"cohort_limit": 2000},
        {"deadline_s": 601},
        {"lease_s": 121},
    ]
    digests = {make_plan(**change).digest for change in [{}, *changes]}
    assert len(digests) == len(changes) + 1


@given(rate=st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_round_trips(make_plan: Any, rate: float) -> None:
    plan = make_plan(training={"rate": rate})
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.to_json() == plan.to_json()


def test_whole_numbers_hash_alike_however_written(make_plan: Any) -> None:
    assert make_plan(deadline_s=600).digest == make_plan(deadline_s=600.0).digest


def test_plan_cannot_be_changed(make_plan: Any) -> None:
    training = {"local_steps": 1}
    plan = make_plan(training=training)
    training["local_steps"] = 2
    assert plan.training["local_steps"] == 1
    with pytest.raises(TypeError):
        plan.training["local_steps"] = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.cohort_min = 1


def test_plan_survives_pickling_and_copying(make_plan: Any) -> None:
    plan = make_plan()
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert copy.deepcopy(plan) == plan
    assert dataclasses.replace(plan, cohort_min=1).cohort_min == 1
