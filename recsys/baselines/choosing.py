"""Choosing settings: each point of a small grid is trained, validation NDCG@10 decides.

The ranking is always the full one: sampled candidates prefer other settings (Krichene and Rendle
2020, https://doi.org/10.1145/3394486.3403226).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from recsys.recommender import Fitted, OnProgress, Scorer, validation_ndcg
from recsys.task import Queries

Setting = float | int | str
Settings = dict[str, Setting]
Train = Callable[[Settings], Scorer]


@dataclass
class Choice:
    """The best settings so far. Holds two scorers at a time: the best one and the newest.

    n_planned: points that will be tried, for the progress line
    """

    train: Train
    validation: Queries
    on_progress: OnProgress
    n_planned: int
    best: Settings = field(default_factory=dict)
    best_ndcg: float = -1.0
    scorer: Scorer | None = None
    n_tried: int = 0

    def offer(self, settings: Settings) -> None:
        """Train with these settings and keep the scorer if it is better than all before."""
        self.on_progress(min(1.0, self.n_tried / self.n_planned), told(settings))
        scorer = self.train(settings)
        ndcg = validation_ndcg(scorer, self.validation)
        if ndcg > self.best_ndcg:
            self.best, self.best_ndcg, self.scorer = settings, ndcg, scorer
        self.n_tried += 1

    def fitted(self) -> Fitted:
        if self.scorer is None:
            raise ValueError("no settings were tried")
        self.on_progress(1.0, told(self.best))
        return Fitted(self.scorer, dict(self.best))


def best_of_grid(
    grid: Sequence[Settings], train: Train, validation: Queries, on_progress: OnProgress
) -> Fitted:
    """The scorer of the best point, the first among equals."""
    choice = Choice(train, validation, on_progress, len(grid))
    for settings in grid:
        choice.offer(settings)
    return choice.fitted()


def best_by_axes(
    start: Settings,
    axes: Mapping[str, Sequence[Setting]],
    train: Train,
    validation: Queries,
    on_progress: OnProgress,
) -> Fitted:
    """One axis after the other: each value of it at the best point so far, from `start` on."""
    n_planned = 1 + sum(len(set(values) - {start[name]}) for name, values in axes.items())
    choice = Choice(train, validation, on_progress, n_planned)
    choice.offer(start)
    for name, values in axes.items():
        here = choice.best
        for value in values:
            if value != here[name]:
                choice.offer({**here, name: value})
    return choice.fitted()


def told(settings: Settings) -> str:
    """Settings as a progress line shows them."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())
