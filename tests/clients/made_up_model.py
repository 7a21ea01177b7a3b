"""One small model version, and the bodies that a service hands out for it."""

import json
from typing import Any

import numpy as np
from safetensors.numpy import save

from federation.canonical import canonical_json, digest
from federation.plan import Grid, Plan
from recsys.flat_vector import n_values
from recsys.local_training import LocalSettings
from recsys.shared_scalars import SharedScalars

N_ROWS, DIM, HISTORY_LENGTH = 40, 8, 20
EVENT_TYPES = ["view", "cart", "purchase"]


class World:
    """One model version and the bodies that a service would hand out for it."""

    def __init__(self, version: int = 1, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.version = version
        self.rows = np.arange(0, N_ROWS, dtype=np.int64)
        self.block = self.rows[::2].copy()
        self.heads = {
            name: (rng.normal(size=(N_ROWS, DIM)) * 0.5).astype(np.float32)
            for name in ("target", "context_long", "context_short")
        }
        self.bias = rng.normal(size=N_ROWS).astype(np.float32)
        self.scalars = SharedScalars.initial(HISTORY_LENGTH, len(EVENT_TYPES))
        # Row 39 holds no item.
        self.row_of = {f"item {row}/é": row for row in range(N_ROWS - 1)}
        pairs = sorted([row, item] for item, row in self.row_of.items())
        self.catalogue = canonical_json({"rows": pairs})

    @property
    def items(self) -> list[str]:
        return list(self.row_of)

    def bundle(self, **changes: Any) -> bytes:
        tensors = {
            "block": self.block,
            "rows": self.rows,
            **{name: head.astype(np.float16) for name, head in self.heads.items()},
            "bias": self.bias,
            "scalars": self.scalars.to_vector(),
        }
        about = {
            "model_version": str(self.version),
            "dim": str(DIM),
            "history_length": str(HISTORY_LENGTH),
            "event_types": json.dumps(EVENT_TYPES),
            "catalogue": digest(self.catalogue),
        }
        metadata = changes.pop("metadata", {})
        return save({**tensors, **changes}, {**about, **metadata})

    def plan(self, bundle: bytes) -> Plan:
        return Plan(
            model_version=self.version,
            bundle=digest(bundle),
            block=digest(self.block.astype("<i8").tobytes()),
            n_block=self.block.shape[0],
            n_values=n_values(self.block.shape[0], DIM, HISTORY_LENGTH, len(EVENT_TYPES)),
            grid=Grid(1.0),
            training=LocalSettings().to_mapping(),
            cohort_target=2,
            cohort_min=1,
            deadline_s=60.0,
            lease_s=30.0,
        )

    def shards(self, precision: str, head: str) -> list[tuple[int, bytes]]:
        """(first row, body) of two shards."""
        names = ["target"] if head == "target" else ["context_long", "context_short"]
        found = []
        for first in (0, 24):
            part = slice(first, 24 if first == 0 else N_ROWS)
            tensors: dict[str, Any] = {"bias": self.bias[part]} if head == "target" else {}
            for name in names:
                tensors |= encoded(self.heads[name][part], name, precision)
            found.append((first, save(tensors)))
        return found

    def manifest(self) -> bytes:
        heads: dict[str, Any] = {}
        for head in ("target", "context"):
            heads[head] = {}
            for precision in ("float32", "float16", "int8"):
                heads[head][precision] = [
                    {
                        "digest": digest(body),
                        "bytes": len(body),
                        "first_row": first,
                        "n_rows": 24 if first == 0 else N_ROWS - 24,
                    }
                    for first, body in self.shards(precision, head)
                ]
        return canonical_json(
            {
                "version": self.version,
                "dim": DIM,
                "history_length": HISTORY_LENGTH,
                "event_types": EVENT_TYPES,
                "n_rows": N_ROWS,
                "n_items": len(self.row_of),
                "scalars": [float(value) for value in self.scalars.to_vector()],
                "catalogue": {"digest": digest(self.catalogue), "bytes": len(self.catalogue)},
                "heads": heads,
                "shard_rows": 24,
            }
        )


def encoded(rows: Any, name: str, precision: str) -> dict[str, Any]:
    """One matrix as a shard holds it."""
    if precision == "int8":
        scale = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
        return {name: np.rint(rows / scale[:, None]).astype(np.int8), f"{name}_scale": scale}
    return {name: np.ascontiguousarray(rows.astype(precision))}
