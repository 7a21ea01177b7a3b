"""The server step: turns the aggregated rows of a round into a better item tower.

The mean delta of a round is relative to the rows that the devices received. Summing over devices
commutes with back-propagation, so the tower's gradient is J(current)^T delta, J being the
derivative of the block's rows at the tower's parameters: the gradient of

    1/2 |tower - stop(tower - delta)|^2

An optimiser on the server then takes the step (Reddi et al. 2021, Adaptive Federated Optimization,
https://arxiv.org/abs/2003.00295, Algorithm 2). Pure: the state that comes in stays as it is. The
result is deterministic for one torch build and thread count; the caller fixes the threads.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from recsys.arrays import Floats, Ints
from recsys.flat_vector import n_values, split
from recsys.item_tower import ItemTower
from recsys.shared_scalars import SharedScalars

OPTIMISERS = ("adam", "sgd")
SCALARS = "scalars"  # name of the shared scalars among the optimiser's parameters
BY_ROW = ("residual", "latent")  # parameters with a row per item


@dataclass(frozen=True)
class ServerSettings:
    """The server's optimiser.

    rate: first step size; it halves every half_life_rounds, down to rate * rate_floor;
    weight_decay: share of a weight lost per step and unit of rate (decoupled: Loshchilov & Hutter
    2019, https://arxiv.org/abs/1711.05101), not on the shared scalars
    """

    optimiser: str = "adam"
    rate: float = 2e-2
    half_life_rounds: float = 30.0
    rate_floor: float = 0.1
    weight_decay: float = 0.3
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser must be one of {OPTIMISERS}")
        if not (self.rate > 0 and self.half_life_rounds > 0 and 0 <= self.rate_floor <= 1):
            raise ValueError("rate and half_life_rounds must be positive, rate_floor in [0, 1]")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.epsilon > 0):
            raise ValueError("beta1 and beta2 must be in [0, 1), epsilon positive")

    def rate_at(self, n_steps: int) -> float:
        """Step size after n_steps earlier steps."""
        left = float(0.5 ** (n_steps / self.half_life_rounds))
        return self.rate * max(self.rate_floor, left)


@dataclass(frozen=True)
class ServerState:
    """All that a server step reads and writes.

    moments: per parameter the running mean of gradients and of their squares, (2, ...) each
    """

    tower: ItemTower
    scalars: SharedScalars
    moments: Mapping[str, torch.Tensor]
    n_steps: int = 0

    @classmethod
    def start(cls, tower: ItemTower, scalars: SharedScalars) -> "ServerState":
        return cls(tower, scalars, {})


def server_step(
    state: ServerState, mean_delta: Floats, block: Ints, settings: ServerSettings
) -> ServerState:
    """The state after one round.

    mean_delta: (n_values,) mean of start - end over devices, in the order of `flat_vector`;
    block: (n_block,) sorted rows. ValueError if the length does not fit.
    """
    scalars = state.scalars
    expected = n_values(
        block.shape[0], state.tower.shape.dim, scalars.history_length, scalars.n_types
    )
    if mean_delta.shape != (expected,):
        raise ValueError(f"expected {expected} values for this block")
    tower = copy.deepcopy(state.tower)
    gradients = tower_gradients(tower, mean_delta, block)
    values = {name: value.detach() for name, value in tower.named_parameters()}
    values[SCALARS] = torch.from_numpy(scalars.to_vector())
    moments: dict[str, torch.Tensor] = {}
    for name, value in values.items():
        moments[name] = _moments_like(value, state.moments.get(name))
        # Only the block's own rows take part: a row that this round did not train stays put,
        # however much momentum is left from the last round that did.
        rows = torch.from_numpy(block) if name in BY_ROW else None
        decay = 0.0 if name == SCALARS else settings.weight_decay
        _move(value, gradients[name], moments[name], rows, state.n_steps, settings, decay)
    tower.trained[torch.from_numpy(block)] = True
    vector = values[SCALARS].numpy()
    after = SharedScalars.from_vector(vector, scalars.history_length, scalars.n_types)
    return ServerState(tower, after, moments, state.n_steps + 1)


def tower_gradients(tower: ItemTower, mean_delta: Floats, block: Ints) -> dict[str, torch.Tensor]:
    """J(current)^T delta for every parameter of the tower, and the scalars' delta as it is."""
    parts = split(mean_delta, block.shape[0], tower.shape.dim)
    by_row = np.concatenate(
        [parts.target, parts.context_long, parts.context_short, parts.bias[:, None]], axis=1
    )
    names, parameters = zip(*tower.named_parameters(), strict=True)
    rows = tower.rows()[torch.from_numpy(block)]
    # The same bits as with `grad_outputs`, for which torch imports a computer algebra at first use.
    product = (rows * torch.from_numpy(by_row.astype(np.float32))).sum()
    found = torch.autograd.grad(product, parameters, allow_unused=True, materialize_grads=True)
    return {**dict(zip(names, found, strict=True)), SCALARS: torch.from_numpy(parts.scalars.copy())}


def _moments_like(value: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
    """A copy of the moments, (2, ...) in the value's shape; rows appended since start at zero."""
    moments = torch.zeros((2, *value.shape), dtype=value.dtype)
    if known is not None:
        moments[:, : known.shape[1]] = known
    return moments


def _move(
    value: torch.Tensor,
    gradient: torch.Tensor,
    moments: torch.Tensor,
    rows: torch.Tensor | None,
    n_steps: int,
    settings: ServerSettings,
    decay: float,
) -> None:
    """One optimiser step on a tensor of our own (or on some of its rows), in place."""
    at = slice(None) if rows is None else rows
    rate = settings.rate_at(n_steps)
    step = gradient[at]
    if settings.optimiser == "adam":
        first = torch.lerp(moments[0][at], step, 1 - settings.beta1)
        second = torch.lerp(moments[1][at], step * step, 1 - settings.beta2)
        moments[0][at], moments[1][at] = first, second
        scale = (second / (1 - settings.beta2 ** (n_steps + 1))).sqrt() + settings.epsilon
        step = first / (1 - settings.beta1 ** (n_steps + 1)) / scale
    value[at] = value[at] * (1 - rate * decay) - rate * step
