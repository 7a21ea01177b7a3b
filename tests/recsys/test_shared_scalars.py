"""The shared scalars' order in a vector and their start."""

import numpy as np
import pytest

from recsys.shared_scalars import N_GAPS, SharedScalars, n_scalars

GAPS = np.zeros(N_GAPS)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="scalars"):
        SharedScalars.from_vector(np.zeros(9, np.float32), history_length=3, n_types=2)
    with pytest.raises(ValueError, match="same length"):
        SharedScalars(np.zeros(3), np.zeros(4), GAPS, GAPS, np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="gaps"):
        SharedScalars(np.zeros(3), np.zeros(3), GAPS, np.zeros(3), np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="log_gains"):
        SharedScalars(np.zeros(3), np.zeros(3), GAPS, GAPS, np.zeros(3), np.zeros(1))


def test_vector_order_is_kernels_gap_kernels_gains_types() -> None:
    vector = np.arange(62, dtype=np.float32)
    scalars = SharedScalars.from_vector(vector, history_length=3, n_types=2)
    assert scalars.log_kernel_long.tolist() == [0, 1, 2]
    assert scalars.log_kernel_short.tolist() == [3, 4, 5]
    assert scalars.log_gap_long.tolist() == list(range(6, 32))
    assert scalars.log_gap_short.tolist() == list(range(32, 58))
    assert scalars.log_gains.tolist() == [58, 59]
    assert scalars.log_type_weights.tolist() == [60, 61]
    assert np.array_equal(scalars.to_vector(), vector)
    assert n_scalars(3, 2) == 62


def test_start_is_flat_and_falling_by_a_fifth() -> None:
    scalars = SharedScalars.initial(n_types=4)
    assert scalars.history_length == 200
    assert scalars.to_vector().dtype == np.float32
    assert np.exp(scalars.log_kernel_long).tolist() == [1.0] * 200
    assert np.exp(scalars.log_kernel_short[:4]) == pytest.approx([1, 0.8, 0.64, 0.512])
    assert np.exp(scalars.log_gap_short).tolist() == [1.0] * 26
    assert np.exp(scalars.log_gains).tolist() == [1, 1]


def test_appended_types_start_at_weight_one_and_none_is_ever_taken_away() -> None:
    scalars = SharedScalars.from_vector(np.full(62, 0.5, np.float32), 3, 2)
    assert scalars.with_types(4).log_type_weights.tolist() == [0.5, 0.5, 0, 0]
    with pytest.raises(ValueError, match="appended"):
        scalars.with_types(1)
