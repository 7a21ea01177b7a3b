"""The item tower: a free residual per row plus an encoder of public item content. Server only.

    row(i) = residual_i + encoder(content features of i)

A row is 3 d + 1 numbers: target, context_long, context_short, bias. An item that nobody has touched
yet has a zero residual and so exactly what its content says: that is the cold start.

Row ids are sparse: a row without features and without a residual (never assigned, or removed) is
a row of zeros.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from recsys.arrays import Ints
from recsys.item_table import ItemTable

RESIDUAL_STD = 0.05  # of the first catalogue's rows


@dataclass(frozen=True)
class TowerShape:
    """Sizes of the tower. No hidden layer and width 0 is a plain table without an encoder.

    dim: d of a head; n_buckets: hash buckets of content features; width: of a feature's embedding;
    hidden: sizes of the hidden layers, any number of them
    """

    dim: int = 64
    n_buckets: int = 8192
    width: int = 32
    hidden: tuple[int, ...] = ()

    @property
    def n_outputs(self) -> int:
        return 3 * self.dim + 1


class ItemTower(nn.Module):
    """Residuals (height, 3 d + 1) and an encoder; `features` are the hashed content ids per row."""

    residual: nn.Parameter
    trained: torch.Tensor
    feature_ids: torch.Tensor
    offsets: torch.Tensor

    def __init__(self, shape: TowerShape, height: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.residual = nn.Parameter(torch.zeros(height, shape.n_outputs))
        self.encoder = _encoder(shape) if shape.width > 0 else None
        # `trained` marks rows that a server step has moved; see `describe`.
        self.register_buffer("trained", torch.zeros(height, dtype=torch.bool))
        self.register_buffer("feature_ids", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("offsets", torch.zeros(height + 1, dtype=torch.int64))

    @property
    def height(self) -> int:
        return int(self.residual.shape[0])

    def rows(self) -> torch.Tensor:
        """Every row, (height, 3 d + 1), with its graph."""
        if self.encoder is None:
            return self.residual
        bag, layers = self.encoder[0], self.encoder[1:]
        described = torch.nonzero(self.offsets[1:] > self.offsets[:-1])[:, 0]
        if described.shape[0] == 0:
            return self.residual
        means = bag(self.feature_ids, self.offsets[:-1])[described]
        return self.residual.index_add(0, described, layers(means))

    def heads(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """target, context_long, context_short (height, d) and bias (height,), with their graph."""
        d = self.shape.dim
        target, long, short, bias = torch.split(self.rows(), [d, d, d, 1], dim=1)
        return target, long, short, bias[:, 0]

    @torch.no_grad()
    def table(self) -> ItemTable:
        """The item table of the tower as it is, float32."""
        return ItemTable(*(np.ascontiguousarray(head.numpy()) for head in self.heads()))

    def features(self, row: int) -> Ints:
        """Feature ids of one row, (m,) int64."""
        start, end = self.offsets[row : row + 2].tolist()
        found: Ints = self.feature_ids[start:end].numpy().copy()
        return found

    @torch.no_grad()
    def extend(self, features: Mapping[int, Ints], height: int | None = None) -> None:
        """Give rows that hold no item yet their content; the table grows to `height` if need be.

        Their residuals are zero: a new item is what its content says.
        """
        top = max(features, default=-1) + 1
        self._grow(max(self.height, top, height or 0))
        taken = [row for row in features if self._holds_item(row)]
        if taken:
            raise ValueError(f"rows {taken[:5]} hold an item already")
        self._set_features(features)

    @torch.no_grad()
    def describe(self, features: Mapping[int, Ints]) -> None:
        """Change the content of rows.

        A trained row keeps its value, its residual absorbs the difference: what people did weighs
        more than a corrected title. A row that no server step has moved yet takes the new content.
        """
        before = self.rows().detach().clone()
        self._set_features(features)
        keep = [row for row in sorted(features) if bool(self.trained[row])]
        self.residual[keep] += before[keep] - self.rows()[keep]

    @torch.no_grad()
    def remove(self, rows: Sequence[int]) -> None:
        """Empty rows for good (a deleted item's row is never used again)."""
        self._set_features({row: np.zeros(0, np.int64) for row in rows})
        self.residual[list(rows)] = 0
        self.trained[list(rows)] = False

    def _holds_item(self, row: int) -> bool:
        described = bool(self.offsets[row + 1] > self.offsets[row])
        return described or bool(self.residual[row].any())

    def _grow(self, height: int) -> None:
        added = height - self.height
        if added == 0:
            return
        self.residual = nn.Parameter(
            torch.cat([self.residual, self.residual.new_zeros(added, self.shape.n_outputs)])
        )
        self.trained = torch.cat([self.trained, self.trained.new_zeros(added)])
        self.offsets = torch.cat([self.offsets, self.offsets[-1:].expand(added)])

    def _set_features(self, features: Mapping[int, Ints]) -> None:
        if any(row < 0 or row >= self.height for row in features):
            raise ValueError("a row lies outside the tower")
        if any(np.any((ids < 0) | (ids >= self.shape.n_buckets)) for ids in features.values()):
            raise ValueError("a feature id lies outside the hash buckets")
        bags = torch.split(self.feature_ids, self.offsets.diff().tolist())
        new = [
            torch.from_numpy(np.asarray(features[row], np.int64)) if row in features else bag
            for row, bag in enumerate(bags)
        ]
        self.feature_ids = torch.cat([self.feature_ids[:0], *new])
        sizes = torch.tensor([0, *(bag.shape[0] for bag in new)], dtype=torch.int64)
        self.offsets = torch.cumsum(sizes, 0)


def first_tower(
    shape: TowerShape, features: Mapping[int, Ints], height: int, seed: int
) -> ItemTower:
    """The tower of a first catalogue: residuals N(0, 0.05) in its rows, weights from the seed."""
    generator = torch.Generator().manual_seed(seed)
    tower = ItemTower(shape, height)
    rows = sorted(features)
    with torch.no_grad():
        for parameter in tower.encoder.parameters() if tower.encoder is not None else ():
            _initialise(parameter, generator)
        noise = torch.randn(len(rows), shape.n_outputs, generator=generator) * RESIDUAL_STD
        noise[:, -1] = 0  # a bias of nobody's is better left at zero
    tower.extend(features, height)
    with torch.no_grad():
        tower.residual[rows] = noise
    return tower


def _encoder(shape: TowerShape) -> nn.Sequential:
    """EmbeddingBag (mean) -> hidden layers -> one row."""
    sizes = [shape.width, *shape.hidden]
    bag = nn.EmbeddingBag(shape.n_buckets, shape.width, mode="mean", include_last_offset=False)
    layers: list[nn.Module] = [bag]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], shape.n_outputs))


def _initialise(parameter: torch.Tensor, generator: torch.Generator) -> None:
    """Weights keep the scale of what enters a layer; biases start at zero."""
    if parameter.ndim == 1:
        parameter.zero_()
    else:
        scale = parameter.shape[1] ** -0.5
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
