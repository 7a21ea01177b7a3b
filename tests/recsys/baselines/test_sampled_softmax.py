"""The estimated softmax against the full one."""

import torch
from torch.nn import functional

from recsys.baselines.sampled_softmax import sampled_softmax_loss


def given(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(4)
    return torch.randn(7, 5), torch.randn(n, 5), torch.randint(0, n, (7,))


def test_every_row_drawn_is_the_full_softmax() -> None:
    states, table, targets = given(30)
    drawn = torch.randperm(30)
    found = sampled_softmax_loss(states, table, targets, drawn, 30)
    torch.testing.assert_close(found, functional.cross_entropy(states @ table.T, targets))


def test_the_denominator_is_right_on_average() -> None:
    states, table, targets = given(200)
    one, target = 0.5 * states[:1], targets[:1]
    losses = [
        sampled_softmax_loss(one, table, target, torch.randperm(200)[:50], 200) for _ in range(500)
    ]
    full = functional.cross_entropy(one @ table.T, target)
    torch.testing.assert_close(torch.stack(losses).exp().mean(), full.exp(), rtol=0.03, atol=0.0)
