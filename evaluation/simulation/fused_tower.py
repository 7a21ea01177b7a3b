"""The user towers of many devices in local training.

The formulas are those of `recsys.user_tower` and `recsys.pooling`, on torch tensors. What a step
adds to the context rows of a history is a product of two thin matrices as well: the events' shares
of a pool, S (c, m), and the gradient at the pool, P (c, d). So a device's context rows are the
received ones minus rate * sum S^T P, and are never written out.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_array

from evaluation.simulation.unique_rows import UniqueRows
from recsys.item_table import ItemTable
from recsys.pooling import Contexts
from recsys.shared_scalars import N_GAPS, SharedScalars
from recsys.user_tower import ORDERED_EXPONENT, UNORDERED_EXPONENT


@dataclass(frozen=True)
class Factors:
    """A product left (b, k, m)^T right (b, k, d) for each of b devices, never multiplied out."""

    left: torch.Tensor
    right: torch.Tensor

    def and_then(self, other: "Factors") -> "Factors":
        """The sum of both products."""
        return Factors(
            torch.cat([self.left, other.left], dim=1), torch.cat([self.right, other.right], dim=1)
        )

    def from_left(self, weights: torch.Tensor) -> torch.Tensor:
        """weights (b, c, m) times the product: (b, c, d)."""
        return (weights @ self.left.mT) @ self.right

    def from_right(self, vectors: torch.Tensor) -> torch.Tensor:
        """vectors (b, c, d) times the product transposed: (b, c, m)."""
        return (vectors @ self.right.mT) @ self.left

    def squares(self) -> torch.Tensor:
        """Squared Frobenius norm of each product, (b,)."""
        return ((self.left @ self.left.mT) * (self.right @ self.right.mT)).sum(dim=(1, 2))


@dataclass(frozen=True)
class SidePool:
    """One pool of a forward pass: values (b, c, d), weights (b, c, n), mass (b, c, 1)."""

    values: torch.Tensor
    weights: torch.Tensor
    mass: torch.Tensor
    exponent: float

    @property
    def shares(self) -> torch.Tensor:
        return self.weights / self.mass**self.exponent


@dataclass(frozen=True)
class TowerTrace:
    """vectors: (b, c, d); ages, gaps: of events, (b, c, n); types: (b, n); pools: long, short."""

    vectors: torch.Tensor
    ages: torch.Tensor
    gaps: torch.Tensor
    types: torch.Tensor
    pools: tuple[SidePool, ...]


@dataclass(frozen=True)
class LocalTower:
    """Where the devices stand. b is 1 in the scalars until devices differ.

    contexts: per pool the received rows of the own history, (b, m, d)
    inside: (b, m), 1 for rows that are trained, 0 for constants
    kernels: per pool (b, H), by age; gap_kernels: per pool (b, N_GAPS); gains: (b, 2);
    types: (b, T)
    moved: per pool what was subtracted from the context rows so far, before the rate
    """

    unique: UniqueRows
    inside: torch.Tensor
    contexts: tuple[torch.Tensor, ...]
    kernels: tuple[torch.Tensor, ...]
    gap_kernels: tuple[torch.Tensor, ...]
    gains: torch.Tensor
    types: torch.Tensor
    rate: float
    moved: tuple[Factors | None, ...] = (None, None)

    @classmethod
    def start(
        cls,
        table: ItemTable,
        scalars: SharedScalars,
        unique: UniqueRows,
        inside: torch.Tensor,
        rate: float,
    ) -> Self:
        """Every device with the received rows and scalars."""
        heads = (table.context_long, table.context_short)
        kernels = (scalars.log_kernel_long, scalars.log_kernel_short)
        gap_kernels = (scalars.log_gap_long, scalars.log_gap_short)
        return cls(
            unique,
            inside.to(torch.from_numpy(table.bias).dtype),
            tuple(_rows_of(torch.from_numpy(head), unique.rows) for head in heads),
            tuple(torch.from_numpy(kernel)[None] for kernel in kernels),
            tuple(torch.from_numpy(kernel)[None] for kernel in gap_kernels),
            torch.from_numpy(scalars.log_gains)[None],
            torch.from_numpy(scalars.log_type_weights)[None],
            rate,
        )

    def forward(self, contexts: Contexts, ordered: bool) -> TowerTrace:
        """User vectors of every device under its contexts."""
        ages, gaps = torch.from_numpy(contexts.ages), torch.from_numpy(contexts.gaps)
        types = torch.from_numpy(contexts.types)
        present = torch.from_numpy(contexts.present)
        log_types = _looked_up(self.types, types)[:, None, :]
        exponent = ORDERED_EXPONENT if ordered else UNORDERED_EXPONENT
        pools = []
        for side in (0, 1) if ordered else (0,):
            by_age, by_gap = self.kernels[side], self.gap_kernels[side]
            log_weights = _looked_up(by_age, ages) + _looked_up(by_gap, gaps) + log_types
            pools.append(self._pool(side, log_weights, present, exponent))
        gains = self.gains.exp()[:, :, None, None]
        vectors = gains[:, 0] * pools[0].values
        if ordered:
            vectors = vectors + gains[:, 1] * pools[1].values
        return TowerTrace(vectors, ages, gaps, types, tuple(pools))

    def _pool(
        self, side: int, log_weights: torch.Tensor, present: torch.Tensor, exponent: float
    ) -> SidePool:
        weights = log_weights.exp() * present
        mass = weights.sum(dim=-1, keepdim=True)
        mass = torch.where(mass > 0, mass, 1.0)
        by_row = self.unique.by_row(weights)
        pooled, moved = by_row @ self.contexts[side], self.moved[side]
        if moved is not None:
            pooled = pooled - self.rate * moved.from_left(by_row)
        return SidePool(pooled / mass**exponent, weights, mass, exponent)

    def step(self, trace: TowerTrace, d_vectors: torch.Tensor) -> "LocalTower":
        """The towers after a gradient step; d_vectors: (b, c, d)."""
        b, n_types = d_vectors.shape[0], self.types.shape[1]
        kernels, gap_kernels = list(self.kernels), list(self.gap_kernels)
        moved, gains = list(self.moved), []
        d_types = d_vectors.new_zeros(b, n_types)
        for side, pool in enumerate(trace.pools):
            gain = self.gains[:, side].exp()
            d_pool = gain[:, None, None] * d_vectors
            step = Factors(self.unique.by_row(pool.shares) * self.inside[:, None, :], d_pool)
            earlier = self.moved[side]
            moved[side] = step if earlier is None else earlier.and_then(step)
            by_event = self._by_event(side, pool, d_pool)
            d_kernel = _summed_at(trace.ages, by_event, self.kernels[side].shape[1])
            kernels[side] = self.kernels[side] - self.rate * d_kernel
            d_gap = _summed_at(trace.gaps, by_event, N_GAPS)
            gap_kernels[side] = self.gap_kernels[side] - self.rate * d_gap
            gains.append(gain * (d_vectors * pool.values).sum(dim=(1, 2)))
            d_types.scatter_add_(1, trace.types, by_event.sum(dim=1))
        gains += [d_vectors.new_zeros(b)] * (2 - len(gains))  # unordered data: no short pool
        return replace(
            self,
            kernels=tuple(kernels),
            gap_kernels=tuple(gap_kernels),
            gains=self.gains - self.rate * torch.stack(gains, dim=1),
            types=self.types - self.rate * d_types,
            moved=tuple(moved),
        )

    def _by_event(self, side: int, pool: SidePool, d_pool: torch.Tensor) -> torch.Tensor:
        """Gradient at the events' log weights, (b, c, n)."""
        by_row, moved = d_pool @ self.contexts[side].mT, self.moved[side]
        if moved is not None:
            by_row = by_row - self.rate * moved.from_right(d_pool)
        numerator = self.unique.by_event(by_row) / pool.mass**pool.exponent
        along = (d_pool * pool.values).sum(dim=-1, keepdim=True)
        found: torch.Tensor = pool.weights * (numerator - pool.exponent * along / pool.mass)
        return found

    def scalars(self) -> torch.Tensor:
        """(b, n_scalars), in the order of `SharedScalars.to_vector`."""
        parts = (*self.kernels, *self.gap_kernels, self.gains, self.types)
        b = max(part.shape[0] for part in parts)
        return torch.cat([part.expand(b, -1) for part in parts], dim=1)

    def context_squares(self) -> torch.Tensor | float:
        """Squared L2 norm of what was subtracted from the context rows, (b,)."""
        found = (moved.squares() for moved in self.moved if moved is not None)
        return self.rate**2 * sum(found)

    def context_sums(self, shares: torch.Tensor, n_rows: int) -> tuple[torch.Tensor, ...]:
        """What was subtracted from the context rows, times each device's share, summed over
        devices: (n_rows, d) per pool. shares: (b,).
        """
        context = self.contexts[0]
        return tuple(
            context.new_zeros(n_rows, context.shape[2])
            if moved is None
            else self._summed(moved, self.rate * shares, n_rows)
            for moved in self.moved
        )

    def _summed(self, moved: Factors, shares: torch.Tensor, n_rows: int) -> torch.Tensor:
        """One sparse product: each factor's row of `left` has its entries at the history's rows."""
        b, k, m = moved.left.shape
        at = self.unique.rows.to(torch.int32)[:, None, :].expand(b, k, m).reshape(-1)
        weights = (moved.left * shares[:, None, None]).reshape(-1)
        ends = np.arange(b * k + 1, dtype=np.int32) * m
        sparse = csr_array((weights.numpy(), at.numpy(), ends), shape=(b * k, n_rows))
        return torch.from_numpy(sparse.T @ moved.right.flatten(0, 1).numpy())


def _rows_of(head: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """head (n_rows, d) at rows (b, m): (b, m, d); three times as fast as indexing."""
    return head.index_select(0, rows.flatten()).view(*rows.shape, head.shape[1])


def _looked_up(values: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """values: (b, k) or (1, k); at: (b, ...) indices below k."""
    if values.shape[0] == 1:
        return values[0][at]
    return values.gather(1, at.flatten(1)).view(at.shape)


def _summed_at(at: torch.Tensor, values: torch.Tensor, n: int) -> torch.Tensor:
    """Sum values, (b, ...), into n places named by `at`: (b, n)."""
    found = values.new_zeros(values.shape[0], n)
    return found.scatter_add_(1, at.flatten(1), values.flatten(1))
