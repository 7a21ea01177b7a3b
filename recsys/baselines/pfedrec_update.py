"""One round of PFedRec's local training for many devices at once, exactly, without their tables.

A device starts from the global table E and its own score layer (w, b). A batch moves the score
layer along the gradient of the mean cross-entropy, then, with the moved w, the batch's item rows:

    E_i <- E_i - rate * d_i w        d_i = (sigmoid(w E_i + b) - y_i) / batch size

So all that a batch does to a device's table lies along that batch's w: `E_i + sum_k c_ik w_k`, and
a device needs one number per touched row and batch instead of a row. Scores, gradients and the sum
over devices follow from these numbers.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import expit

from recsys.arrays import Floats, Ints

# torch.nn.BCELoss, which the authors use on probabilities, divides by at least this, so that a
# sample whose probability is wrong and saturated has no gradient. Kept, as it is their rule.
PROBABILITY_FLOOR = 1e-12


@dataclass(frozen=True)
class Rates:
    """score: of w and b; item: of the item rows; batch: samples per step."""

    score: float
    item: float
    batch: int


@dataclass(frozen=True)
class Samples:
    """What n devices train on in a round, by device, in the order in which each takes them.

    devices, rows: (m,) int64; labels: (m,) 1 for a positive, 0 for a negative
    """

    devices: Ints
    rows: Ints
    labels: Floats

    def batches(self, size: int) -> Ints:
        """(m,) int64, the number of each sample's batch on its device."""
        first = np.searchsorted(self.devices, self.devices)
        return (np.arange(self.devices.shape[0]) - first) // size


@dataclass(frozen=True)
class ScoreLayers:
    """weights: (n, d); biases: (n,): a device's w and b."""

    weights: Floats
    biases: Floats


@dataclass(frozen=True)
class Trained:
    """n devices after local training.

    layers: the score layers now
    lifts: (n, n_items) CSR, what the device's own table adds to w E_i: w (E_i^own - E_i)
    table_change: (n_items, d), the sum over devices of E^own - E
    """

    layers: ScoreLayers
    lifts: csr_matrix
    table_change: Floats


class LocalRound:
    """The running state of one round for n devices; `train` runs it."""

    def __init__(self, table: Floats, layers: ScoreLayers, samples: Samples, rates: Rates) -> None:
        n_items = table.shape[0]
        self.table, self.samples, self.rates = table, samples, rates
        self.weights, self.biases = layers.weights.copy(), layers.biases.copy()
        keys, self.slots = np.unique(samples.devices * n_items + samples.rows, return_inverse=True)
        self.slot_devices, self.slot_rows = keys // n_items, keys % n_items
        self.directions: list[Floats] = []  # w_k of every device, one entry a batch
        self.steps: list[Floats] = []  # c_k of every slot

    def train(self) -> Trained:
        """Every batch of the epoch, then what is left of it."""
        batches = self.samples.batches(self.rates.batch)
        for k in range(int(batches.max(initial=-1)) + 1):
            self._step(np.flatnonzero(batches == k))
        return Trained(ScoreLayers(self.weights, self.biases), self._lifts(), self._table_change())

    def _step(self, at: Ints) -> None:
        devices, slots = self.samples.devices[at], self.slots[at]
        rows, labels = self.table[self.samples.rows[at]], self.samples.labels[at]
        sizes = np.bincount(devices, minlength=self.biases.shape[0])[devices]
        errors = self._errors(rows, devices, slots, labels) / sizes
        self._move_score_layer(errors, rows, devices, slots)
        errors = self._errors(rows, devices, slots, labels) / sizes
        moved = np.bincount(slots, errors, self.slot_rows.shape[0])
        self.directions.append(self.weights.copy())
        self.steps.append((-self.rates.item * moved).astype(self.table.dtype))

    def _errors(self, rows: Floats, devices: Ints, slots: Ints, labels: Floats) -> Floats:
        """Derivative of each sample's loss by its logit."""
        logits = np.einsum("md,md->m", rows, self.weights[devices]) + self.biases[devices]
        for step, direction in zip(self.steps, self.directions, strict=True):
            along = np.einsum("nd,nd->n", direction, self.weights)
            logits += step[slots] * along[devices]
        p = expit(logits)
        spread = p * (1 - p)
        errors: Floats = (p - labels) * (spread / np.maximum(spread, PROBABILITY_FLOOR))
        return errors

    def _move_score_layer(self, errors: Floats, rows: Floats, devices: Ints, slots: Ints) -> None:
        n = self.biases.shape[0]
        of_device = csr_matrix((errors, (devices, np.arange(errors.shape[0]))), (n, rows.shape[0]))
        gradient = of_device @ rows
        for step, direction in zip(self.steps, self.directions, strict=True):
            along = np.bincount(devices, errors * step[slots], n)
            gradient += along[:, None].astype(rows.dtype) * direction
        self.weights -= self.rates.score * gradient
        self.biases -= (self.rates.score * np.bincount(devices, errors, n)).astype(rows.dtype)

    def _of_slots(self, values: Floats) -> csr_matrix:
        shape = (self.biases.shape[0], self.table.shape[0])
        return csr_matrix((values, (self.slot_devices, self.slot_rows)), shape)

    def _lifts(self) -> csr_matrix:
        lifts = np.zeros(self.slot_rows.shape[0], self.table.dtype)
        for step, direction in zip(self.steps, self.directions, strict=True):
            along = np.einsum("nd,nd->n", direction, self.weights)
            lifts += step * along[self.slot_devices]
        return self._of_slots(lifts)

    def _table_change(self) -> Floats:
        change = np.zeros_like(self.table)
        for step, direction in zip(self.steps, self.directions, strict=True):
            change += self._of_slots(step).T @ direction
        return change


def shuffled_samples(
    positives: tuple[Ints, ...], negatives: Ints, rng: np.random.Generator
) -> Samples:
    """Each device's positives and their negatives, in random order.

    positives: per device its rows; negatives: (n_positives, k), in the order of the positives
    """
    of_positive = np.repeat(np.arange(len(positives)), [p.shape[0] for p in positives])
    rows = np.concatenate([np.concatenate([np.zeros(0, np.int64), *positives]), negatives.ravel()])
    devices = np.concatenate([of_positive, np.repeat(of_positive, negatives.shape[1])])
    labels = np.zeros(rows.shape[0], np.float32)
    labels[: of_positive.shape[0]] = 1.0
    turns = rng.permutation(rows.shape[0])
    order = np.lexsort((turns, devices))
    return Samples(devices[order], rows[order], labels[order])
