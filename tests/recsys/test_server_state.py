"""A server state survives its bytes, and other bytes are refused."""

import numpy as np
import pytest
import torch

from recsys.item_tower import TowerShape, first_tower
from recsys.server_state import from_bytes, to_bytes
from recsys.server_step import ServerSettings, ServerState, server_step
from recsys.shared_scalars import SharedScalars, n_scalars

SHAPE = TowerShape(dim=4, n_buckets=32, width=8, hidden=(8, 8))
BLOCK = np.array([0, 2, 5], np.int64)


def trained_state() -> ServerState:
    features = {row: np.array([row, row + 1], np.int64) for row in (0, 2, 5)}
    scalars = SharedScalars.initial(history_length=6, n_types=2)
    state = ServerState.start(first_tower(SHAPE, features, height=7, seed=1), scalars)
    delta = np.random.default_rng(0).normal(size=3 * 13 + n_scalars(6, 2)).astype(np.float32)
    return server_step(state, delta, BLOCK, ServerSettings())


@pytest.mark.parametrize("data", [b"", b"not safetensors at all", b"\x80\x04N."])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="server state"):
        from_bytes(data)


def test_truncated_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="server state"):
        from_bytes(to_bytes(trained_state())[:-5])


def test_equal_states_give_equal_bytes() -> None:
    assert to_bytes(trained_state()) == to_bytes(trained_state())


def test_training_goes_on_from_the_bytes_as_if_nothing_had_happened() -> None:
    state = trained_state()
    restored = from_bytes(to_bytes(state))
    delta = np.random.default_rng(1).normal(size=3 * 13 + n_scalars(6, 2)).astype(np.float32)
    settings = ServerSettings()
    once, twice = (server_step(s, delta, BLOCK, settings) for s in (state, restored))
    assert to_bytes(once) == to_bytes(twice)
    assert torch.equal(once.tower.rows(), twice.tower.rows())
