"""A server state as bytes, in the safetensors format: named arrays, nothing that can run code."""

from collections.abc import Mapping
from dataclasses import fields

import safetensors.torch
import torch

from recsys.item_tower import ItemTower, TowerShape
from recsys.server_step import ServerState
from recsys.shared_scalars import SharedScalars

TOWER, MOMENTS, SCALARS = "tower.", "moments.", "scalars."
SHAPE, N_STEPS = "shape", "n_steps"
SCALAR_FIELDS = tuple(field.name for field in fields(SharedScalars))


def to_bytes(state: ServerState) -> bytes:
    """Tower, shared scalars and optimiser state. Equal states give equal bytes."""
    shape = state.tower.shape
    sizes = [shape.dim, shape.n_buckets, shape.width, int(shape.tied), *shape.hidden]
    tensors = {SHAPE: torch.tensor(sizes), N_STEPS: torch.tensor([state.n_steps])}
    for name, value in state.tower.state_dict().items():
        tensors[TOWER + name] = value.contiguous()
    for name, value in state.moments.items():
        tensors[MOMENTS + name] = value.contiguous()
    for name in SCALAR_FIELDS:
        tensors[SCALARS + name] = torch.tensor(getattr(state.scalars, name))
    return safetensors.torch.save(tensors)


def from_bytes(data: bytes) -> ServerState:
    """The inverse of `to_bytes`. ValueError if the bytes hold something else."""
    try:
        tensors = safetensors.torch.load(data)
        dim, n_buckets, width, tied, *hidden = tensors[SHAPE].tolist()
        state = _under(tensors, TOWER)
        tower = ItemTower(
            TowerShape(dim, n_buckets, width, tuple(hidden), bool(tied)), state["residual"].shape[0]
        )
        tower.feature_ids = state["feature_ids"].clone()
        tower.load_state_dict(state)
        scalars = {name: tensors[SCALARS + name].numpy() for name in SCALAR_FIELDS}
        n_steps = int(tensors[N_STEPS].item())
    except (KeyError, RuntimeError, safetensors.SafetensorError) as error:
        raise ValueError("not the bytes of a server state") from error
    return ServerState(tower, SharedScalars(**scalars), _under(tensors, MOMENTS), n_steps)


def _under(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
