"""The loop and the update of many devices at once are one mathematics."""

import copy
import random

import numpy as np
import torch

from benchmarks.pfedrec_loop import (
    RATE,
    RATE_ETA,
    TABLE,
    Device,
    Federation,
    LoopScorer,
    average,
    cost_of_round,
    train_device,
)
from recsys.baselines.pfedrec_update import LocalRound, Rates, Samples, ScoreLayers

N_ITEMS, BATCH = 30, 8
SIZES = (45, 0, 3, 16)  # several batches and a short last one, nothing, one short, whole batches


def samples(rng: np.random.Generator) -> Samples:
    devices = np.repeat(np.arange(len(SIZES)), SIZES)
    rows = rng.integers(0, N_ITEMS, devices.shape[0])  # rows come again, in one batch and later
    return Samples(devices, rows, rng.integers(0, 2, devices.shape[0]).astype(np.float64))


def start(seed: int) -> Device:
    torch.manual_seed(seed)
    return Device(N_ITEMS).double()


def layers_of(devices: list[Device]) -> ScoreLayers:
    weights = [d.score.weight.detach().numpy()[0] for d in devices]
    return ScoreLayers(np.stack(weights), np.array([d.score.bias.item() for d in devices]))


def loop(devices: list[Device], drawn: Samples) -> None:
    for i, device in enumerate(devices):
        at = np.split(np.flatnonzero(drawn.devices == i), range(BATCH, SIZES[i], BATCH))
        batches = [(torch.tensor(drawn.rows[b]), torch.tensor(drawn.labels[b])) for b in at]
        train_device(device, [b for b in batches if len(b[0])])


def test_one_round_is_the_same_to_five_digits() -> None:
    rng = np.random.default_rng(5)
    initial, drawn = start(5), samples(rng)
    table = initial.items.weight.detach().numpy().copy()
    devices = [copy.deepcopy(initial) for _ in SIZES]
    for device in devices:  # private by now
        torch.nn.init.normal_(device.score.weight, std=0.1)
    rates = Rates(RATE, RATE * N_ITEMS * RATE_ETA, BATCH)
    trained = LocalRound(table, layers_of(devices), drawn, rates).train()
    loop(devices, drawn)

    after = layers_of(devices)
    np.testing.assert_allclose(trained.layers.weights, after.weights, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(trained.layers.biases, after.biases, rtol=1e-9, atol=1e-9)
    mean = average([d.items.weight.detach() for d in devices]).numpy()
    np.testing.assert_allclose(table + trained.table_change / len(SIZES), mean, rtol=1e-8)

    states = LoopScorer({i: d.state_dict() for i, d in enumerate(devices)})
    scored = trained.layers.weights @ table.T + trained.lifts.toarray()
    expected = states.scores([], np.arange(len(SIZES)))
    np.testing.assert_allclose(scored, expected, rtol=1e-7, atol=1e-7)
    assert np.abs(trained.lifts.toarray()).max() > 0.1  # the tables did move


def test_rounds_of_the_whole_procedure() -> None:
    positives = [[0, 1, 2], [3, 4]]
    negatives = [list(range(5, 20)), list(range(6, 20))]
    initial = Device(20)
    federation = Federation(20, positives, negatives, random.Random(1), initial)
    for _ in range(2):
        cpu_s, wall_s = cost_of_round(federation)
        assert cpu_s > 0
        assert wall_s > 0
    assert federation.table is not None
    before, own = initial.items.weight.detach(), federation.devices[0][TABLE]
    untouched = [3]  # of no device a negative; device 1 alone moves it
    assert not torch.equal(federation.table[untouched], before[untouched])
    assert torch.isfinite(own).all()
    learnt = LoopScorer(federation.devices).scores([], np.array([0, 1]))
    assert learnt[0, :3].min() > learnt[0, 5:].mean()
