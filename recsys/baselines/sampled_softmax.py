"""The softmax over every row, estimated from some of them: for catalogues where it is too dear.

Bengio and Senecal 2008, https://doi.org/10.1109/TNN.2007.912312, with uniform draws that a batch
shares: the sum over the N - 1 other rows is (N - 1) / k times the sum over k of them.
"""

import math

import torch
from torch.nn import functional


def sampled_softmax_loss(
    states: torch.Tensor, table: torch.Tensor, targets: torch.Tensor, drawn: torch.Tensor, n: int
) -> torch.Tensor:
    """Mean of -log softmax at the target, estimated.

    states: (m, d); table: (height, d); targets: (m,) rows of the table; drawn: (k,) distinct rows;
    n: rows that `drawn` is drawn from, the targets among them
    """
    own = (states * table[targets]).sum(dim=1, keepdim=True)
    hit = drawn[None, :] == targets[:, None]
    # A target among the drawn leaves one fewer of the others.
    scale = math.log(n - 1) - torch.log(drawn.shape[0] - hit.sum(dim=1, keepdim=True))
    others = (states @ table[drawn].T + scale).masked_fill(hit, -torch.inf)
    first = torch.zeros_like(targets)
    return functional.cross_entropy(torch.cat([own, others], dim=1), first)
