"""The exact sum against the very bytes that devices would upload, for every kind of training."""

import dataclasses
import itertools

import numpy as np
import pytest

from app.coordinator.planning import make_plan
from app.models.bundle import Bundle, decode_bundle, encode_bundle
from app.settings import RoundSettings
from clients.python.bundle import Bundle as DeviceBundle
from clients.python.bundle import decode_bundle as decode_on_device
from clients.python.own_history import within
from clients.python.update_making import make_update
from evaluation.simulation.exact import exact_sum
from federation.canonical import digest
from federation.plan import Plan
from federation.update_codec import decode
from recsys.draws import draw_seeds
from recsys.local_training import LocalSettings
from tests.evaluation.simulation.made_up_devices import make_histories, make_received, make_seeds

N_OUTSIDE = 5


def published(settings: LocalSettings) -> tuple[Plan, bytes]:
    """A plan and the bytes of its bundle, whose rows are more than the block and not all."""
    received = make_received()
    others = np.setdiff1d(np.arange(received.table.n_rows), received.block)[:-N_OUTSIDE]
    rows = np.union1d(received.block, others)
    bundle = Bundle(
        model_version=3,
        event_types=("view", "cart"),
        catalogue=digest(b"map"),
        block=received.block,
        rows=rows,
        table=received.table.take(rows),
        scalars=received.scalars,
    )
    body = encode_bundle(bundle)
    rounds = RoundSettings(cohort_target=8, cohort_min=2, clip_l2=0.5)
    return make_plan(bundle, digest(body), rounds, settings), body


@pytest.mark.parametrize(
    ("objective", "local_steps", "vector_dropout"),
    [*itertools.product(("ordered", "unordered"), (1, 3), (0.0, 0.3))],
)
def test_it_is_the_sum_of_what_devices_upload(
    objective: str, local_steps: int, vector_dropout: float
) -> None:
    settings = LocalSettings(
        n_cuts=3, objective=objective, local_steps=local_steps, vector_dropout=vector_dropout
    )
    plan, body = published(settings)
    on_device, bundle = decode_on_device(body), decode_bundle(body)
    assert isinstance(on_device, DeviceBundle)
    histories, seeds = make_histories(), []
    uploaded = np.zeros(plan.n_words, np.int64)
    for number, history in enumerate(histories):
        update = make_update(plan, settings, on_device, history, np.random.default_rng(number))
        assert isinstance(update, bytes)
        words = decode(update, plan.digest, plan.n_words)
        assert isinstance(words, np.ndarray)
        uploaded += words
        seeds.append(draw_seeds(np.random.default_rng(number), local_steps))
    known = [within(history, bundle.rows) for history in histories]
    running = exact_sum(plan, bundle, known, np.stack(seeds))
    assert running.count == len(histories)
    assert np.array_equal(running.fresh.result, uploaded)
    assert running.fresh.result[-plan.n_metrics :].any()


def test_the_order_of_devices_changes_nothing() -> None:
    plan, body = published(LocalSettings(n_cuts=3))
    bundle = decode_bundle(body)
    histories, seeds = [within(h, bundle.rows) for h in make_histories()], make_seeds(8, 1)
    one = exact_sum(plan, bundle, histories, seeds)
    other = exact_sum(plan, bundle, histories[::-1], seeds[::-1])
    assert one.to_bytes() == other.to_bytes()


def test_it_wants_seeds_for_every_device_and_no_more_than_the_cohort_limit() -> None:
    plan, body = published(LocalSettings(n_cuts=3))
    bundle = decode_bundle(body)
    histories = [within(h, bundle.rows) for h in make_histories()]
    with pytest.raises(ValueError, match="shorter"):
        exact_sum(plan, bundle, histories, make_seeds(7, 1))
    narrow = dataclasses.replace(plan, cohort_target=2, cohort_min=1, cohort_limit=2)
    with pytest.raises(ValueError, match="more than 2"):
        exact_sum(narrow, bundle, histories, make_seeds(8, 1))
