"""The item tower: sparse rows, new items, changed content, removal."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.item_tower import ItemTower, TowerShape, first_tower

SHAPE = TowerShape(dim=4, n_buckets=50, width=8, hidden=(8, 8))
CATALOGUE = {row: np.array([row, 40 + row % 3], np.int64) for row in (1, 2, 5, 6)}


def values(tower: ItemTower) -> np.ndarray:
    table = tower.table()
    heads = (table.target, table.context_long, table.context_short, table.bias[:, None])
    return np.concatenate(heads, axis=1)


def make_tower(seed: int = 0) -> ItemTower:
    return first_tower(SHAPE, CATALOGUE, height=9, seed=seed)


def test_rows_and_features_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="buckets"):
        make_tower().extend({7: np.array([50], np.int64)})
    with pytest.raises(ValueError, match="outside the tower"):
        make_tower().describe({9: np.array([1], np.int64)})
    with pytest.raises(ValueError, match="hold an item"):
        make_tower().extend({5: np.array([1], np.int64)})


def test_a_row_without_an_item_is_zero_and_the_others_differ() -> None:
    found = values(make_tower())
    assert found.shape == (9, 13)
    assert found.dtype == np.float32
    assert not found[[0, 3, 4, 7, 8]].any()
    assert len(np.unique(found[[1, 2, 5, 6], 0])) == 4


def test_the_seed_decides_everything() -> None:
    torch.manual_seed(1)
    one = values(make_tower())
    torch.manual_seed(2)
    assert np.array_equal(one, values(make_tower()))
    assert not np.array_equal(one, values(make_tower(seed=1)))


@pytest.mark.parametrize("tied", [True, False])
def test_first_rows_have_their_spread_and_no_bias(tied: bool) -> None:
    features = {row: np.zeros(0, np.int64) for row in range(2000)}
    found = values(first_tower(replace(SHAPE, tied=tied), features, 2000, seed=0))
    assert found[:, :-1].std() == pytest.approx(0.05, rel=0.03)
    assert not found[:, -1].any()


def test_tied_heads_begin_alike_and_learn_to_differ() -> None:
    tower = make_tower()
    target, long, short, _ = tower.heads()
    assert torch.equal(target, long)
    assert torch.equal(target, short)
    target.sum().backward()
    assert tower.latent is not None
    assert tower.latent.grad is not None
    assert tower.mix is not None
    assert tower.mix.grad is not None
    assert tower.latent.grad[1].any()
    assert not tower.mix.grad[4:].any()


def test_a_new_item_is_what_its_content_says_and_old_rows_stay() -> None:
    tower = make_tower()
    before = values(tower)
    tower.extend({3: CATALOGUE[1], 12: CATALOGUE[1]}, height=20)
    found = values(tower)
    assert tower.height == 20
    assert found[:3] == pytest.approx(before[:3], abs=1e-6)
    assert np.array_equal(found[3], found[12])
    assert tower.latent is not None
    own = tower.latent[1].detach().numpy()  # what row 1 is beside its content, in all three heads
    assert found[3] == pytest.approx(before[1] - np.array([*own, *own, *own, 0]), abs=1e-6)
    assert not found[13:].any()
    assert tower.features(12).tolist() == CATALOGUE[1].tolist()


def test_a_trained_row_keeps_its_value_when_its_content_changes() -> None:
    tower = make_tower()
    tower.trained[[1, 2]] = True
    before = values(tower)
    tower.describe({1: np.array([30], np.int64), 5: np.array([30], np.int64)})
    found = values(tower)
    assert found[1] == pytest.approx(before[1], abs=1e-6)
    assert found[[2, 6]] == pytest.approx(before[[2, 6]], abs=1e-6)
    assert np.abs(found[5] - before[5]).max() > 1e-3
    assert tower.features(1).tolist() == [30]


def test_a_removed_row_is_empty() -> None:
    tower = make_tower()
    before = values(tower)
    tower.trained[:] = True
    tower.remove([2, 5])
    found = values(tower)
    assert not found[[2, 5]].any()
    assert found[[1, 6]] == pytest.approx(before[[1, 6]], abs=1e-6)
    assert tower.features(2).tolist() == []


def test_untied_and_without_an_encoder_the_tower_is_a_plain_table() -> None:
    tower = first_tower(TowerShape(dim=4, n_buckets=50, width=0, tied=False), CATALOGUE, 9, 0)
    assert [name for name, _ in tower.named_parameters()] == ["residual"]
    assert np.array_equal(values(tower), tower.residual.detach().numpy())


def test_an_untied_item_without_content_is_its_residual() -> None:
    shape = replace(SHAPE, tied=False)
    tower = first_tower(shape, {0: np.zeros(0, np.int64), 1: np.array([3], np.int64)}, 2, 0)
    assert np.array_equal(values(tower)[0], tower.residual[0].detach().numpy())
    assert tower.residual[0].any()
