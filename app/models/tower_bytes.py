"""A hosted user's tower as bytes (safetensors): written by the coordinator, read by API workers."""

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from recsys.user_tower import UserTower

FIELDS = ("residual", "log_gains", "log_type_weights")


def encode_tower(tower: UserTower) -> bytes:
    """residual (d,), log_gains (2,), log_type_weights (T,), all float32."""
    return save({name: getattr(tower, name).astype(np.float32) for name in FIELDS})


def decode_tower(body: bytes) -> UserTower:
    """The inverse of `encode_tower`.

    Raises: ValueError when the bytes hold something else, or a number that is not finite.
    """
    try:
        tensors = load(body)
    except SafetensorError as error:
        raise ValueError("not the bytes of a user tower") from error
    if set(tensors) != set(FIELDS) or any(array.ndim != 1 for array in tensors.values()):
        raise ValueError("a user tower holds residual, log_gains and log_type_weights")
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise ValueError("a user tower holds finite numbers")
    return UserTower(**{name: tensors[name].astype(np.float32) for name in FIELDS})
