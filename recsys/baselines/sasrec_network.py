"""SASRec's network: causal self-attention over the items of a history.

Kang and McAuley 2018, "Self-Attentive Sequential Recommendation", https://arxiv.org/abs/1808.09781,
sections 3.1 to 3.4, with the layers normalised before instead of after. The item embedding is also
the output layer (section 3.4, "shared item embedding").

Histories are padded on the right, so that the causal mask alone keeps the padding out of sight;
positions are counted from the newest event, as the paper's padding on the left does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recsys.arrays import Ints

EMBEDDING_STD = 0.02


@dataclass(frozen=True)
class NetworkShape:
    """length: newest events that are read; width: of every layer; dropout: share dropped."""

    n_items: int
    length: int
    width: int = 64
    heads: int = 1
    blocks: int = 2
    dropout: float = 0.5


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.heads, self.dropout = shape.heads, shape.dropout
        self.project_in = nn.Linear(shape.width, 3 * shape.width)
        self.project_out = nn.Linear(shape.width, shape.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        by_head = n, length, 3, self.heads, width // self.heads
        queries, keys, values = self.project_in(x).view(by_head).permute(2, 0, 3, 1, 4)
        dropped = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(
            queries, keys, values, dropout_p=dropped, is_causal=True
        )
        out: torch.Tensor = self.project_out(mixed.transpose(1, 2).reshape(n, length, width))
        return out


class Block(nn.Module):
    """Attention, then a layer on each position; each is added to what goes in."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.before_attention, self.before_layer = (
            nn.LayerNorm(shape.width),
            nn.LayerNorm(shape.width),
        )
        self.attention = Attention(shape)
        self.layer = nn.Sequential(
            nn.Linear(shape.width, shape.width),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(shape.width, shape.width),
        )
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x)))
        out: torch.Tensor = x + self.dropout(self.layer(self.before_layer(x)))
        return out


class Network(nn.Module):
    """rows, ages (n, length) -> what is known after each event, (n, length, width)."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.items = nn.Embedding(shape.n_items + 1, shape.width)  # the last one is padding
        self.ages = nn.Embedding(shape.length, shape.width)
        nn.init.normal_(self.items.weight, std=EMBEDDING_STD)
        nn.init.normal_(self.ages.weight, std=EMBEDDING_STD)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.Sequential(*(Block(shape) for _ in range(shape.blocks)))
        self.last = nn.LayerNorm(shape.width)

    def forward(self, rows: torch.Tensor, ages: torch.Tensor) -> torch.Tensor:
        scaled = self.items(rows) * self.shape.width**0.5
        out: torch.Tensor = self.last(self.blocks(self.dropout(scaled + self.ages(ages))))
        return out

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """(m, width) -> (m, n_items)."""
        return states @ self.items.weight[: self.shape.n_items].T


def padded(sequences: Sequence[Ints], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and ages, both (n, longest) int64; age 0 is the newest event. At least one column."""
    longest = max((s.shape[0] for s in sequences), default=0)
    rows = np.full((len(sequences), max(1, longest)), padding, np.int64)
    ages = np.zeros_like(rows)
    for i, sequence in enumerate(sequences):
        n = sequence.shape[0]
        rows[i, :n] = sequence
        ages[i, :n] = np.arange(n)[::-1]
    return torch.from_numpy(rows), torch.from_numpy(ages)
