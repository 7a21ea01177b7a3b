"""The item tower: a free residual per row plus an encoder of public item content. Server only.

    row(i) = residual_i + mix (latent_i + encoder(content features of i))

A row is 3 d + 1 numbers: target, context_long, context_short, bias. The latent is what its heads
have in common: `mix` begins as one identity per head, so that an item's contexts start out speaking
for what its target is like, and every event teaches all heads at once. An item that nobody has
touched yet has no residual and no latent and so exactly what its content says: the cold start.

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

ROW_STD = 0.05  # of the first catalogue's rows or latents


@dataclass(frozen=True)
class TowerShape:
    """Sizes of the tower. Untied and with width 0 it is a plain table.

    dim: d of a head and of the latent; n_buckets: hash buckets of content features; width: of a
    feature's embedding, 0 for no encoder; hidden: sizes of the hidden layers, any number of them;
    tied: whether the heads share a latent; else content speaks to each head by itself
    """

    dim: int = 64
    n_buckets: int = 8192
    width: int = 32
    hidden: tuple[int, ...] = ()
    tied: bool = True

    @property
    def n_outputs(self) -> int:
        return 3 * self.dim + 1

    @property
    def n_encoded(self) -> int:
        """What the encoder says of an item: a latent, or a whole row."""
        return self.dim if self.tied else self.n_outputs


class ItemTower(nn.Module):
    """Residuals (height, 3 d + 1) and an encoder; `features` are the hashed content ids per row."""

    residual: nn.Parameter
    latent: nn.Parameter | None
    mix: nn.Parameter | None
    trained: torch.Tensor
    feature_ids: torch.Tensor
    offsets: torch.Tensor

    def __init__(self, shape: TowerShape, height: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.residual = nn.Parameter(torch.zeros(height, shape.n_outputs))
        heads = torch.cat([*[torch.eye(shape.dim)] * 3, torch.zeros(1, shape.dim)])
        self.latent = nn.Parameter(torch.zeros(height, shape.dim)) if shape.tied else None
        self.mix = nn.Parameter(heads) if shape.tied else None
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
        encoded = self._encoded()
        if self.latent is None or self.mix is None:
            return self.residual if encoded is None else self.residual + encoded
        latents = self.latent if encoded is None else self.latent + encoded
        return self.residual + latents @ self.mix.T

    def _encoded(self) -> torch.Tensor | None:
        """What content says of every row, (height, n_encoded); None if it says nothing at all."""
        described = torch.nonzero(self.offsets[1:] > self.offsets[:-1])[:, 0]
        if self.encoder is None or described.shape[0] == 0:
            return None
        bag, layers = self.encoder[0], self.encoder[1:]
        said: torch.Tensor = layers(bag(self.feature_ids, self.offsets[:-1])[described])
        return said.new_zeros(self.height, said.shape[1]).index_add(0, described, said)

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
        if self.latent is not None:
            self.latent[list(rows)] = 0
        self.trained[list(rows)] = False

    def _holds_item(self, row: int) -> bool:
        described = bool(self.offsets[row + 1] > self.offsets[row])
        own = [self.residual] if self.latent is None else [self.residual, self.latent]
        return described or any(bool(values[row].any()) for values in own)

    def _grow(self, height: int) -> None:
        added = height - self.height
        if added == 0:
            return
        self.residual = nn.Parameter(
            torch.cat([self.residual, self.residual.new_zeros(added, self.shape.n_outputs)])
        )
        if self.latent is not None:
            zeros = self.latent.new_zeros(added, self.shape.dim)
            self.latent = nn.Parameter(torch.cat([self.latent, zeros]))
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
    """The tower of a first catalogue: its rows N(0, 0.05), weights from the seed."""
    generator = torch.Generator().manual_seed(seed)
    tower = ItemTower(shape, height)
    rows = sorted(features)
    with torch.no_grad():
        for parameter in tower.encoder.parameters() if tower.encoder is not None else ():
            _initialise(parameter, generator)
        noise = torch.randn(len(rows), shape.n_encoded, generator=generator) * ROW_STD
        noise[:, 3 * shape.dim :] = 0  # a bias of nobody's is better left at zero
    tower.extend(features, height)
    with torch.no_grad():
        (tower.residual if tower.latent is None else tower.latent)[rows] = noise
    return tower


def _encoder(shape: TowerShape) -> nn.Sequential:
    """EmbeddingBag (mean) -> hidden layers -> a latent or a row."""
    sizes = [shape.width, *shape.hidden]
    bag = nn.EmbeddingBag(shape.n_buckets, shape.width, mode="mean", include_last_offset=False)
    layers: list[nn.Module] = [bag]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], shape.n_encoded))


def _initialise(parameter: torch.Tensor, generator: torch.Generator) -> None:
    """Weights keep the scale of what enters a layer; biases start at zero."""
    if parameter.ndim == 1:
        parameter.zero_()
    else:
        scale = parameter.shape[1] ** -0.5
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
