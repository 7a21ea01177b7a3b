"""What the demo measured: a table for people, JSON for programs."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from recsys.metrics.hit_rate import hit_rate_at
from recsys.metrics.ndcg import ndcg_at

K = 10
LABELS = {
    "popular": "Most popular",
    "before": "Shared tower, before the rounds",
    "after": "Shared tower, after the rounds",
    "adapted": "After local adaptation",
}


@dataclass
class Results:
    """Ranks of the held-out item by model (one per evaluated shopper), and the rounds' figures."""

    name: str
    shoppers: int
    items: int
    ranks: dict[str, dict[str, float]] = field(default_factory=dict)
    n_candidates: dict[str, int] = field(default_factory=dict)
    rounds: int = 0
    updates: int = 0
    abandoned: int = 0
    requests_per_update: float = 0.0
    traffic: dict[str, int] = field(default_factory=dict)
    model_version: int = 0
    elapsed_s: dict[str, float] = field(default_factory=dict)

    @property
    def evaluated(self) -> int:
        """Shoppers whose held-out item was ranked."""
        return len(self.ranks.get("popular", {}))

    def quality(self, model: str) -> dict[str, float]:
        """HR@10 and NDCG@10 of one model over all evaluated shoppers."""
        ranks = np.array(list(self.ranks.get(model, {}).values()), dtype=np.float64)
        if ranks.size == 0:
            return {f"hr@{K}": 0.0, f"ndcg@{K}": 0.0}
        return {
            f"hr@{K}": round(float(hit_rate_at(ranks, K)), 4),
            f"ndcg@{K}": round(float(ndcg_at(ranks, K)), 4),
        }

    def to_mapping(self) -> dict[str, Any]:
        """Everything that is printed."""
        return {
            "name": self.name,
            "shoppers": self.shoppers,
            "items": self.items,
            "evaluated": self.evaluated,
            **{model: self.quality(model) for model in LABELS},
            "rounds": self.rounds,
            "abandoned": self.abandoned,
            "updates": self.updates,
            "requests_per_update": self.requests_per_update,
            **self.traffic,
            "model_version": self.model_version,
            "elapsed_s": {k: round(v, 1) for k, v in self.elapsed_s.items()},
        }

    def write_json(self, path: Path) -> None:
        """Write the mapping to a file."""
        path.write_text(json.dumps(self.to_mapping(), indent=2) + "\n")

    def print(self, console: Console) -> None:
        """The table, and what the rounds cost."""
        title = f"{self.name}: the held-out item of {self.evaluated} shoppers, full ranking"
        table = Table(title=title)
        table.add_column("Model")
        table.add_column(f"HR@{K}", justify="right")
        table.add_column(f"NDCG@{K}", justify="right")
        table.add_column("x popular", justify="right")
        popular = self.quality("popular")[f"ndcg@{K}"]
        for model, label in LABELS.items():
            quality = self.quality(model)
            ratio = quality[f"ndcg@{K}"] / popular if popular else float("nan")
            table.add_row(
                label, f"{quality[f'hr@{K}']:.3f}", f"{quality[f'ndcg@{K}']:.4f}", f"{ratio:.2f}"
            )
        console.print(table)
        console.print(
            f"{self.rounds} rounds published ({self.abandoned} abandoned), {self.updates} updates, "
            f"{self.requests_per_update:.2f} requests per accepted update."
        )
        beside = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in self.traffic.items())
        console.print(f"Beside them: {beside}.")
