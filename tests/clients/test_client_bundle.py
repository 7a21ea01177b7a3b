"""The bundle: decoded to what the model trains on; everything else is an objection."""

import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from clients.python.bundle import Bundle, decode_bundle
from clients.python.objections import Objection
from tests.clients.made_up_model import EVENT_TYPES, HISTORY_LENGTH, N_ROWS, World


def objected(body: bytes, text: str) -> None:
    found = decode_bundle(body)
    assert isinstance(found, Objection)
    assert found.reason == "bundle_malformed"
    assert text in found.detail


@pytest.mark.parametrize("body", [b"", b"\0" * 8, b"{}", b"\xff" * 100, b"\x10" + b"\0" * 200])
def test_bytes_that_are_no_safetensors(body: bytes) -> None:
    objected(body, "not a safetensors body")


def test_a_truncated_bundle(world: World) -> None:
    body = world.bundle()
    for end in (len(body) - 1, len(body) // 2, 20):
        objected(body[:end], "not a safetensors body")
    objected(body + b"\0", "not a safetensors body")


@pytest.mark.parametrize("name", ["target", "context_long", "context_short", "bias", "scalars"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite(world: World, name: str, value: float) -> None:
    tensor = load(world.bundle())[name].copy()
    tensor.flat[-1] = value
    objected(world.bundle(**{name: tensor}), f"{name} holds values that are not finite")


def test_a_tensor_that_is_missing_or_too_many(world: World) -> None:
    tensors = load(world.bundle())
    del tensors["bias"]
    objected(save(tensors), "holds the tensors")
    objected(world.bundle(extra=np.zeros(1, np.float32)), "holds the tensors")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"target": np.zeros((N_ROWS, 8), np.float32)}, "target must be F16"),
        ({"target": np.zeros(N_ROWS * 8, np.float16)}, "target must be F16 with 2"),
        ({"target": np.zeros((N_ROWS, 7), np.float16)}, "must share one"),
        ({"bias": np.zeros(N_ROWS - 1, np.float32)}, "bias must be"),
        ({"rows": np.arange(N_ROWS, dtype=np.int32)}, "rows must be I64"),
        ({"rows": np.arange(N_ROWS + 1)}, "the shape that rows and dim say"),
        ({"rows": np.arange(N_ROWS)[::-1].copy()}, "strictly ascending"),
        ({"rows": np.zeros(N_ROWS, np.int64)}, "strictly ascending"),
        ({"rows": np.arange(N_ROWS) - 1}, "strictly ascending"),
        ({"block": np.array([0, N_ROWS])}, "rows that the bundle does not hold"),
        ({"block": np.array([3, 1])}, "strictly ascending"),
        ({"scalars": np.zeros(5, np.float32)}, "scalars"),
    ],
)
def test_a_tensor_of_another_type_or_shape(
    world: World, changes: dict[str, Any], text: str
) -> None:
    objected(world.bundle(**changes), text)


@pytest.mark.parametrize(
    "metadata",
    [
        {"dim": "9"},
        {"dim": "eight"},
        {"model_version": ""},
        {"history_length": "0"},
        {"history_length": "999999999999"},
        {"history_length": str(HISTORY_LENGTH + 1)},
        {"event_types": "view"},
        {"event_types": "[]"},
        {"event_types": json.dumps(["view", "view", "cart"])},
        {"event_types": json.dumps(["view", 3, "cart"])},
        {"catalogue": "sha256:xyz"},
    ],
)
def test_metadata_that_does_not_fit(world: World, metadata: dict[str, str]) -> None:
    objected(world.bundle(metadata=metadata), "bundle:")


def test_a_bundle_without_metadata(world: World) -> None:
    objected(save(load(world.bundle())), "bundle: 'event_types'")


def test_a_bundle_comes_back(world: World) -> None:
    found = decode_bundle(world.bundle())
    assert isinstance(found, Bundle)
    assert (found.model_version, found.event_types) == (1, tuple(EVENT_TYPES))
    assert found.table.target.dtype == np.float32
    np.testing.assert_allclose(found.table.context_short, world.heads["context_short"], atol=2e-3)
    np.testing.assert_array_equal(found.table.bias, world.bias)
    np.testing.assert_array_equal(found.block, world.block)
    np.testing.assert_array_equal(found.rows[found.block_positions], world.block)
    np.testing.assert_array_equal(found.scalars.to_vector(), world.scalars.to_vector())


def test_rows_of_a_large_catalogue_need_not_be_dense(world: World) -> None:
    rows = np.arange(N_ROWS) * 1000 + 5
    found = decode_bundle(world.bundle(rows=rows, block=rows[3:9].copy()))
    assert isinstance(found, Bundle)
    np.testing.assert_array_equal(found.block_positions, np.arange(3, 9))


def test_an_empty_block_is_a_block(world: World) -> None:
    found = decode_bundle(world.bundle(block=np.zeros(0, np.int64)))
    assert isinstance(found, Bundle)
    assert found.block_positions.shape == (0,)
