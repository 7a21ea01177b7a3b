"""SASRec sees the past and only the past; padding and batch mates change nothing."""

from dataclasses import replace

import numpy as np
import torch

from recsys.baselines import sasrec
from recsys.baselines.sasrec import SasRec, SasRecScorer, Training
from recsys.baselines.sasrec_network import Network, NetworkShape, padded
from recsys.history import History
from recsys.task import Task


def network(length: int = 6) -> Network:
    torch.manual_seed(2)
    made = Network(NetworkShape(9, length, width=8))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made.eval()


def test_padding_counts_ages_from_the_newest() -> None:
    rows, ages = padded([np.array([4, 2, 7]), np.array([5])], 9)
    assert rows.tolist() == [[4, 2, 7], [5, 9, 9]]
    assert ages.tolist() == [[2, 1, 0], [0, 0, 0]]
    assert padded([np.zeros(0, np.int64)], 9)[0].tolist() == [[9]]


def test_a_state_depends_on_nothing_later() -> None:
    made = network()
    _, ages = padded([np.arange(5)], 9)
    first, second = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 8, 0]])
    with torch.no_grad():
        one, other = made(first, ages), made(second, ages)
    torch.testing.assert_close(one[:, :3], other[:, :3])
    assert not torch.allclose(one[:, 3:], other[:, 3:])


def test_only_the_newest_events_are_read_and_their_order_counts() -> None:
    scorer = SasRecScorer(network(length=4))
    asked = [History.of(rows) for rows in ([8, 8, 1, 2, 3, 4], [1, 2, 3, 4], [2, 1, 3, 4])]
    scores = scorer.scores(asked, np.arange(3))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5, atol=1e-6)
    assert not np.allclose(scores[1], scores[2], atol=1e-3)


def test_cold_rows_are_left_as_they_were(board: Task) -> None:
    """A cold row is nobody's target and no part of any softmax."""
    cold = np.array([3])
    histories = tuple(History.of(h.rows[h.rows != 3].tolist()) for h in board.train)
    for candidates in (board.n_items, 8):
        training = _training(replace(board, train=histories, cold=cold), candidates)
        before = training.network.items.weight.detach().clone()
        training.epoch()
        changed = (training.network.items.weight != before).any(dim=1)
        assert not changed[3]
        assert changed[:3].any()


def _training(task: Task, candidates: int) -> Training:
    torch.manual_seed(0)
    return Training(task, np.random.default_rng(0), candidates)


def test_a_large_catalogue_learns_from_sampled_candidates(board: Task) -> None:
    fitted = SasRec(epochs=30, candidates=8).fit(board, 0, lambda *_: None)
    scores = fitted.scorer.scores(board.test.histories, board.test.users)
    even = scores[:, ::2].mean(axis=1) > scores[:, 1::2].mean(axis=1)
    assert (even == (np.arange(len(board.test)) % 2 == 0)).mean() > 0.9


def test_training_leaves_the_ambient_randomness_alone(board: Task) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    SasRec(epochs=1).fit(board, 0, lambda *_: None)
    torch.testing.assert_close(torch.rand(3), expected)


def test_it_stops_when_validation_no_longer_rises(board: Task) -> None:
    fitted = SasRec(epochs=500).fit(board, 0, lambda *_: None)
    last, chosen = fitted.curve[-1][0], int(fitted.chosen["epochs"])
    assert last == chosen + sasrec.PATIENCE * sasrec.EPOCHS_BETWEEN
    assert max(ndcg for _, ndcg in fitted.curve) == dict(fitted.curve)[chosen]
