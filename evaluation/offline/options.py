"""What the command line asks for, checked before anything is read or trained."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from evaluation.offline.models import read_names
from recsys.datasets.formats import FORMATS
from recsys.splits import SPLITS, Settings
from recsys.splits.build import LAST, UNSEEN_USERS

DEFAULT_MODELS = "twofold,popular,ease,ials"


@dataclass(frozen=True)
class EvaluateOptions:
    """seeds: how many; seed: the first; positions: last events of each user that are questions;
    target: event type that is asked for, None for purchases where there are any, else every event;
    rounds: Twofold trains at most so many; mitigate: the grouping whose gap is to be narrowed,
    None: none. ValueError on what makes no evaluation.
    """

    data: Path
    format: str
    split: str = LAST
    models: str = DEFAULT_MODELS
    seeds: int = 3
    seed: int = 1
    positions: int = 1
    target: str | None = None
    rounds: int | None = None
    mitigate: str | None = None
    json: Path | None = None
    report: Path | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"--format must be one of {', '.join(FORMATS)}, not {self.format!r}")
        if self.split not in SPLITS:
            raise ValueError(f"--split must be one of {', '.join(SPLITS)}, not {self.split!r}")
        for name in ("seeds", "positions", "rounds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be at least 1, not {value}")
        if self.seed < 0:
            raise ValueError(f"--seed must not be negative, not {self.seed}")
        if self.positions > 1 and self.split not in (LAST, UNSEEN_USERS):
            raise ValueError(f"--positions goes with the splits {LAST} and {UNSEEN_USERS}")
        if self.mitigate is not None and self.split == UNSEEN_USERS:
            raise ValueError(f"--mitigate does not go with the split {UNSEEN_USERS}")
        if not self.data.exists():
            raise ValueError(f"{self.data}: no such file or folder (--data)")
        read_names(self.models)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the models, in the order of the table."""
        return read_names(self.models)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of the trainings."""
        return tuple(range(self.seed, self.seed + self.seeds))

    @property
    def settings(self) -> Settings:
        """Of the split."""
        return Settings(target_type=self.target, n_test=self.positions)

    @property
    def command(self) -> str:
        """What makes this evaluation again, with every choice spelt out."""
        words = {
            "--data": self.data,
            "--format": self.format,
            "--split": self.split,
            "--models": ",".join(self.names),
            "--seeds": self.seeds,
            "--seed": self.seed,
            "--positions": self.positions if self.positions > 1 else None,
            "--target": self.target,
            "--rounds": self.rounds,
            "--mitigate": self.mitigate,
            "--json": self.json,
            "--report": self.report,
        }
        given = [str(w) for pair in words.items() if pair[1] is not None for w in pair]
        return shlex.join(["twofold", "evaluate", *given])
