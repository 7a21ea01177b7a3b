"""Local training of many devices at once, without a row per device.

A step's gradient at the targets is a product of two thin matrices: what the softmax says of the
block's items, D (c, n_block), and the user vectors, U (c, d). So a device that has taken s steps is
its s c pairs of rows of D and U, whatever the size of the catalogue:

    targets after the steps   T - rate * sum D^T U
    its logits                U' T^T - rate * sum (U' U^T) D
    its squared norm          rate^2 * sum (D D^T) * (U U^T)

The last line, a product of two small Gram matrices, is what clipping needs (Goodfellow 2015,
https://arxiv.org/abs/1510.01799, for one layer and one example). The biases are one more coordinate
of U that is always 1. Only the rows of the own history exist per device, (n, d).

The mathematics is that of `recsys.local_training`, step for step and with the same cuts. Two things
differ from the sum that `evaluation.simulation.exact` takes: nothing is rounded to the grid, which
moves a device's value by at most half a step, and float32 adds in another order, which moves it by
less than FLOAT_ERROR times the clip norm. So every value of the sum of n devices satisfies

    |fused - exact| <= n * (step / 2 + FLOAT_ERROR * clip_l2)

as long as local training converges; a rate at which it diverges would amplify any difference.
"""

from dataclasses import dataclass

import numpy as np
import torch

from evaluation.simulation.fused_tower import Factors, LocalTower
from evaluation.simulation.population import Batch
from evaluation.simulation.unique_rows import UniqueRows
from recsys.arrays import Floats, Ints
from recsys.cuts import Cuts
from recsys.draws import Seeds, vector_scales
from recsys.flat_vector import n_values
from recsys.item_table import ItemTable
from recsys.local_training import LocalSettings, draw_cuts
from recsys.objective import FAR_BELOW
from recsys.pooling import contexts_of
from recsys.shared_scalars import SharedScalars

FLOAT_ERROR = 1e-5  # with float64 tables, 1e-10


@dataclass(frozen=True)
class Received:
    """What the devices of a round train from. block: sorted positions in the table."""

    table: ItemTable
    scalars: SharedScalars
    block: Ints


@dataclass(frozen=True)
class ClippedSum:
    """values: (n_values,) sum of the clipped deltas, in the order of `recsys.flat_vector`;
    norms: (b,) of each device's delta before clipping.
    """

    values: Floats
    norms: Floats


def fused_sum(
    received: Received, batch: Batch, settings: LocalSettings, seeds: Seeds, clip_l2: float
) -> ClippedSum:
    """Train b devices and sum their clipped deltas. seeds: (b, local_steps).

    A device with fewer than two events has nothing to cut: it adds zeros, as it would upload them.
    """
    able = batch.lengths >= 2
    norms = np.zeros(able.shape, received.table.bias.dtype)
    if not able.any():
        table, scalars = received.table, received.scalars
        shape = (received.block.shape[0], table.dim, scalars.history_length, scalars.n_types)
        return ClippedSum(np.zeros(n_values(*shape), norms.dtype), norms)
    some = batch if able.all() else batch.take(able)
    devices = FusedDevices(received, some, settings, seeds[able])
    devices.train()
    found = devices.clipped_sum(clip_l2)
    norms[able] = found.norms
    return ClippedSum(found.values, norms)


class FusedDevices:
    """b devices in training, with two events or more each.

    `step` moves all of them; `clipped_sum` is the sum of what they would upload.
    """

    def __init__(
        self, received: Received, batch: Batch, settings: LocalSettings, seeds: Seeds
    ) -> None:
        self._received, self._batch, self._settings = received, batch, settings
        self._seeds = seeds
        table, block = received.table, received.block
        whole = block.shape[0] == table.n_rows
        targets = table.target if whole else table.target[block]
        biases = table.bias if whole else table.bias[block]
        # The bias is a coordinate of the targets whose user vector is 1.
        self._targets = torch.from_numpy(np.concatenate([targets, biases[:, None]], axis=1))
        position_of = np.full(table.n_rows, -1)
        position_of[block] = np.arange(block.shape[0])
        self._positions = _positions(batch, position_of)
        unique = UniqueRows.of(batch)
        inside = torch.from_numpy(position_of[unique.rows.numpy()] >= 0) & unique.real
        self._start = torch.from_numpy(received.scalars.to_vector())
        self._tower = LocalTower.start(table, received.scalars, unique, inside, settings.local_rate)
        self._moved: Factors | None = None  # of the targets: what the softmax says, user vectors

    def train(self) -> None:
        """All local steps."""
        for number in range(self._settings.local_steps):
            self.step(self._seeds[:, number])

    def step(self, seeds: Seeds) -> None:
        """One step on fresh cuts; seeds: (b,)."""
        settings, batch = self._settings, self._batch
        cuts = draw_cuts(batch.events.rows, batch.events.types, batch.lengths, settings, seeds)
        n_ages = self._received.scalars.history_length
        contexts = contexts_of(batch.events, cuts.context, n_ages, settings.ordered)
        trace = self._tower.forward(contexts, settings.ordered)
        scales = vector_scales(
            seeds, settings.n_cuts, self._received.table.dim, settings.vector_dropout
        )
        scale = 1.0 if scales is None else torch.from_numpy(scales)
        vectors = _with_one(trace.vectors * scale)
        d_logits = self._logit_gradient(vectors, cuts)
        d_vectors = self._vector_gradient(d_logits)[..., :-1] * scale
        step = Factors(d_logits, vectors)
        self._moved = step if self._moved is None else self._moved.and_then(step)
        self._tower = self._tower.step(trace, d_vectors)

    def clipped_sum(self, clip_l2: float) -> ClippedSum:
        """The sum of the devices' deltas, each clipped to the L2 norm `clip_l2`."""
        assert self._moved is not None, "train first"
        scalars, rate = self._start - self._tower.scalars(), self._settings.local_rate
        squares = rate**2 * self._moved.squares() + self._tower.context_squares()
        norms = (squares + scalars.square().sum(dim=1)).clamp(min=0).sqrt()
        shares = torch.where(norms > clip_l2, clip_l2 / norms.clamp(min=1e-30), 1.0)
        weighted = self._moved.left * (rate * shares)[:, None, None]
        targets = weighted.flatten(0, 1).T @ self._moved.right.flatten(0, 1)
        long, short = self._tower.context_sums(shares, self._received.table.n_rows)
        block = torch.from_numpy(self._received.block)
        parts = (targets[:, :-1], long[block], short[block], targets[:, -1], shares @ scalars)
        values = torch.cat([part.reshape(-1) for part in parts])
        return ClippedSum(values.numpy(), norms.numpy())

    def _logit_gradient(self, vectors: torch.Tensor, cuts: Cuts) -> torch.Tensor:
        """(b, c, n_block): softmax minus target, over the number of cuts with a target."""
        logits = vectors @ self._targets.T
        if self._moved is not None:
            logits -= self._settings.local_rate * self._moved.from_right(vectors)
        b, c, n_block = logits.shape
        cut, place, weight = self._targets_of(cuts)
        mass = weight.new_zeros(b * c).index_add_(0, cut, weight)
        counted = (mass > 0).to(mass.dtype).view(b, c)
        scale = (counted / counted.sum(dim=1, keepdim=True).clamp(min=1)).view(b * c)
        places = cut * n_block + place
        self._leave_out_known(logits.view(-1), places, cuts)
        found = torch.softmax(logits.view(b * c, n_block), dim=1).mul_(scale[:, None])
        found.view(-1).index_add_(0, places, -scale[cut] * weight / mass[cut])
        return found.view(b, c, n_block)

    def _leave_out_known(self, logits: torch.Tensor, targets: torch.Tensor, cuts: Cuts) -> None:
        """Known items compete only where asked for. logits: flat; targets: places in it."""
        device, cut, event = np.nonzero(cuts.known & (self._positions >= 0)[:, None, :])
        at = device * cuts.context.shape[1] + cut
        known = at * self._targets.shape[0] + self._positions[device, event]
        asked = logits[targets]
        logits[torch.from_numpy(known)] = FAR_BELOW
        logits[targets] = asked

    def _vector_gradient(self, d_logits: torch.Tensor) -> torch.Tensor:
        found = d_logits @ self._targets
        if self._moved is not None:
            found -= self._settings.local_rate * self._moved.from_left(d_logits)
        return found

    def _targets_of(self, cuts: Cuts) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Cut (of b c), position in the block and weight of every target event in the block."""
        device, cut, event = np.nonzero(cuts.target_weights)
        place = self._positions[device, event]
        inside = place >= 0
        weight = cuts.target_weights[device, cut, event][inside]
        at = (device * cuts.context.shape[1] + cut)[inside]
        weights = torch.from_numpy(weight).to(self._targets.dtype)
        return torch.from_numpy(at), torch.from_numpy(place[inside]), weights


def _with_one(vectors: torch.Tensor) -> torch.Tensor:
    return torch.cat([vectors, torch.ones_like(vectors[..., :1])], dim=2)


def _positions(batch: Batch, position_of: Ints) -> Ints:
    """Positions of the events' rows in the block, -1 outside it and for padding: (b, n)."""
    found: Ints = position_of[batch.events.rows]
    return np.where(np.arange(found.shape[1]) < batch.lengths[:, None], found, -1)
