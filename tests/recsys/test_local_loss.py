"""Hand-written gradients against torch's autograd and central finite differences, in float64."""

import numpy as np
import pytest
import torch

from recsys.cuts import Cuts, ordered_cuts, unordered_cuts
from recsys.draws import vector_scales
from recsys.flat_vector import flatten, moved
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.local_loss import last_event, loss_gradient
from recsys.shared_scalars import SharedScalars, n_scalars

LENGTH, TYPES, DIM, ROWS, EVENTS = 7, 3, 4, 12, 11
SEED = np.array([3], np.uint64)
BLOCK = np.array([0, 1, 3, 4, 6, 7, 9, 11], np.int64)


def make_model(seed: int = 0) -> tuple[ItemTable, SharedScalars]:
    rng = np.random.default_rng(seed)
    table = ItemTable(*rng.normal(size=(3, ROWS, DIM)), rng.normal(size=ROWS))
    vector = 0.5 * rng.normal(size=n_scalars(LENGTH, TYPES))
    return table, SharedScalars.from_vector(vector, LENGTH, TYPES)


def make_history() -> History:
    """Events of three types, more than the kernels are long, with repeats, partly out of block."""
    rng = np.random.default_rng(5)
    times_s = np.cumsum(rng.choice([0, 3, 5000], EVENTS))
    return History.of(rng.integers(0, ROWS, EVENTS), rng.integers(0, TYPES, EVENTS), times_s)


def cut_at(n_events: int, points: list[int], n_targets: int, dropout: float) -> Cuts:
    lengths = np.array([n_events])
    return ordered_cuts(lengths, np.array([points]), n_targets, 1.5, dropout, SEED)


def make_cuts(ordered: bool) -> Cuts:
    if ordered:
        return cut_at(EVENTS, [1, 3, 8, 10], 3, 0.2)
    return unordered_cuts(make_history().rows[None], np.array([EVENTS]), 4, 0.2, SEED)


def torch_loss(
    parts: list[torch.Tensor],
    history: History,
    cuts: Cuts,
    ordered: bool,
    scales: np.ndarray,
) -> torch.Tensor:
    """The same loss, written event by event on torch tensors."""
    target, long, short, bias, kernel_long, kernel_short, *gaps, gains, type_weights = parts
    losses = []
    for context, weights, known, scale in zip(
        cuts.context[0], cuts.target_weights[0], cuts.known[0], scales[0], strict=True
    ):
        wanted = torch.zeros(ROWS, dtype=torch.float64)
        for event in np.nonzero(weights)[0]:
            if history.rows[event] in BLOCK:
                wanted[history.rows[event]] += weights[event]
        if wanted.sum() == 0:
            continue
        kept = np.nonzero(context)[0][::-1]
        vector = torch.zeros(DIM, dtype=torch.float64)
        for side, (head, kernel, power) in enumerate(
            ((long, kernel_long, 1.0 if ordered else 0.5), (short, kernel_short, 1.0))
        ):
            if side == 1 and not ordered:
                continue
            total, mass = torch.zeros(DIM, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
            for age, event in enumerate(kept if not ordered else kept[:LENGTH]):
                gap = int(history.times_s[kept[0]] - history.times_s[event]).bit_length()
                log_weight = type_weights[history.types[event]] + kernel[age if ordered else 0]
                log_weight = log_weight + gaps[side][gap if ordered else 0]
                total = total + torch.exp(log_weight) * head[history.rows[event]]
                mass = mass + torch.exp(log_weight)
            if len(kept):
                vector = vector + torch.exp(gains[side]) * total / mass**power
        vector = vector * torch.tensor(scale)
        logits = target @ vector + bias
        competes = wanted > 0
        competes[[row for row in BLOCK if row not in history.rows[known]]] = True
        log_share = logits - torch.logsumexp(logits[competes], 0)
        losses.append(-(wanted / wanted.sum() * log_share)[BLOCK].sum())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("ordered", [True, False])
def test_gradient_is_autograds(ordered: bool, dropout: float) -> None:
    (table, scalars), history, cuts = make_model(), make_history(), make_cuts(ordered)
    sources = [*vars(table).values(), *vars(scalars).values()]
    parts = [torch.tensor(source, requires_grad=True) for source in sources]
    scales = vector_scales(SEED, 4, DIM, dropout)
    plain = np.ones((1, 4, DIM)) if scales is None else scales
    loss = torch_loss(parts, history, cuts, ordered, plain)
    loss.backward()
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parts]
    rows, rest = [g[BLOCK].numpy().ravel() for g in grads[:4]], [g.numpy() for g in grads[4:]]
    found_loss, found = loss_gradient(table, scalars, history, BLOCK, cuts, ordered, scales)
    assert found_loss == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(found, np.concatenate([*rows, *rest]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ordered", [True, False])
def test_gradient_is_the_central_difference_in_every_coordinate(ordered: bool) -> None:
    (table, scalars), history, cuts = make_model(1), make_history(), make_cuts(ordered)
    _, found = loss_gradient(table, scalars, history, BLOCK, cuts, ordered)
    step = 1e-5
    expected = np.zeros_like(found)
    for i, shift in enumerate(np.eye(found.shape[0]) * step):
        ends = [moved(table, scalars, BLOCK, sign * shift) for sign in (-1, 1)]
        above, below = (loss_gradient(*end, history, BLOCK, cuts, ordered)[0] for end in ends)
        expected[i] = (above - below) / (2 * step)
    assert flatten(table, scalars, BLOCK).shape == found.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_cuts_without_a_target_in_the_block_do_not_dilute_the_mean() -> None:
    (table, scalars), history = make_model(), History.of([0, 1, 2, 3])
    both = cut_at(4, [2, 3], 1, 0.0)
    inside = cut_at(4, [3], 1, 0.0)
    one, other = (
        loss_gradient(table, scalars, history, BLOCK, cuts, True) for cuts in (both, inside)
    )
    assert one[0] == pytest.approx(other[0])
    assert one[1] == pytest.approx(other[1])


def test_last_event_needs_a_context_and_an_item_of_the_block() -> None:
    table, scalars = make_model()
    assert last_event(table, scalars, History.of([0]), BLOCK, True) is None
    assert last_event(table, scalars, History.of([0, 2]), BLOCK, True) is None


def test_last_event_ranks_among_what_the_history_does_not_hold() -> None:
    heads = np.zeros((3, ROWS, DIM))
    bias = np.arange(ROWS, dtype=np.float64)
    table, scalars = ItemTable(*heads, bias), SharedScalars.initial(n_types=TYPES)
    loss, rank = last_event(table, scalars, History.of([11, 10, 6]), BLOCK, True) or (0.0, -1)
    assert rank == 2  # rows 7 and 9 are better; 11 was in the history, 8 and 10 are no block rows
    logits = bias[BLOCK[:-1]]
    assert loss == pytest.approx(np.log(np.exp(logits).sum()) - 6)


def test_equal_scores_count_against_the_model() -> None:
    table = ItemTable(*np.zeros((3, ROWS, DIM)), np.zeros(ROWS))
    scalars = SharedScalars.initial(n_types=TYPES)
    found = last_event(table, scalars, History.of([0, 1]), BLOCK, True)
    assert found is not None
    assert found[1] == len(BLOCK) - 2
