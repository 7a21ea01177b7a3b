"""Twofold in a comparison: federated rounds in simulation, then each user's own adaptation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.simulation.population import Population
from evaluation.simulation.rounds import Rounds
from evaluation.twofold_settings import TwofoldSettings, suited
from recsys.adaptation import AdaptationSettings, adapt_all
from recsys.arrays import Bools, Floats, Ints
from recsys.averaging import Averaged
from recsys.history import History
from recsys.item_table import ItemTable
from recsys.item_tower import ItemTower, TowerShape, first_tower
from recsys.recommender import Fitted, OnProgress, validation_ndcg
from recsys.server_step import ServerState
from recsys.shared_scalars import SharedScalars
from recsys.task import Task
from recsys.user_tower import UserTower, batch_of_one, user_vectors


@dataclass(frozen=True)
class SharedScorer:
    """Everybody with the shared default tower."""

    table: ItemTable
    scalars: SharedScalars
    ordered: bool

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """(n, n_items); a score depends on the history alone, whoever's it is."""
        towers = batch_of_one(UserTower.default(self.scalars, self.table.dim))
        return self._scores(towers, histories)

    def _scores(self, towers: UserTower, histories: Sequence[History]) -> Floats:
        vectors = user_vectors(self.table, self.scalars, towers, histories, ordered=self.ordered)
        found: Floats = vectors @ self.table.target.T + self.table.bias
        return found


@dataclass(frozen=True)
class AdaptedScorer(SharedScorer):
    """Everybody with a tower adapted on the own history, as a device does it."""

    live: Bools
    settings: AdaptationSettings

    def scores(self, histories: Sequence[History], users: Ints) -> Floats:
        """(n, n_items); each history's tower is fitted anew."""
        towers = adapt_all(self.table, self.scalars, histories, self.live, self.settings)
        return self._scores(towers, histories)


@dataclass(frozen=True)
class Checked:
    """The model after some rounds, and how well its shared tower answers validation."""

    quality: float
    n_rounds: int
    model: Averaged


class TwofoldRecommender:
    """Satisfies `recsys.recommender.Recommender`."""

    name = "twofold"

    def __init__(
        self, settings: TwofoldSettings | None = None, n_rounds: int | None = None
    ) -> None:
        """settings: None for those that suit the task's data; n_rounds: at most so many."""
        self._settings, self._n_rounds = settings, n_rounds

    def fit(self, task: Task, seed: int, on_progress: OnProgress) -> Fitted:
        """Rounds until validation stops getting better; the best round's model is kept."""
        settings = self._for(task)
        best, curve = self._train(task, settings, seed, on_progress)
        table, scalars = best.model.table, best.model.scalars
        live = np.ones(task.n_items, bool)
        return Fitted(
            AdaptedScorer(table, scalars, task.ordered, live, settings.adaptation),
            {"settings": settings.name, "rounds": best.n_rounds},
            curve,
            {"shared": SharedScorer(table, scalars, task.ordered)},
        )

    def _for(self, task: Task) -> TwofoldSettings:
        """The settings with the objective that the data allows."""
        settings = self._settings or suited(task)
        objective = "ordered" if task.ordered else "unordered"
        local = replace(settings.rounds.local, objective=objective)
        if not task.ordered and task.asked_type is not None:
            local = replace(local, target_type=task.asked_type)
        return replace(
            settings,
            rounds=replace(settings.rounds, local=local),
            adaptation=replace(
                settings.adaptation, objective=objective, target_type=local.target_type
            ),
            n_rounds=self._n_rounds or settings.n_rounds,
        )

    def _train(
        self, task: Task, settings: TwofoldSettings, seed: int, on_progress: OnProgress
    ) -> tuple[Checked, tuple[tuple[int, float], ...]]:
        models = versions(task, settings, seed)
        best, curve = Checked(-1.0, 0, next(models)), []
        for number, model in enumerate(models, start=1):
            if number % settings.check_every and number < settings.n_rounds:
                continue
            quality = _quality(task, model)
            curve.append((number, quality))
            best = max(best, Checked(quality, number, model), key=lambda look: look.quality)
            on_progress(number / settings.n_rounds, f"round {number}: {quality:.4f}")
            if number - best.n_rounds >= settings.patience * settings.check_every:
                break
        return best, tuple(curve)


def versions(task: Task, settings: TwofoldSettings, seed: int) -> Iterator[Averaged]:
    """What ranks, untrained and after each round: the average over the versions so far."""
    state = first_state(task, settings, seed)
    population = Population.of(task.train, settings.history_length)
    rounds = Rounds(population, warm_rows(task), settings.rounds, seed)
    model = Averaged(state.tower.table(), state.scalars)
    yield model
    for result in rounds.run(state, settings.n_rounds):
        after = result.state
        model = model.and_then(after.tower.table(), after.scalars, settings.averaging)
        yield model


def _quality(task: Task, model: Averaged) -> float:
    scorer = SharedScorer(model.table, model.scalars, task.ordered)
    return validation_ndcg(scorer, task.validation)


def warm_rows(task: Task) -> Ints:
    """Rows that may be trained, sorted."""
    return np.setdiff1d(np.arange(task.n_items), task.cold)


def first_state(task: Task, settings: TwofoldSettings, seed: int) -> ServerState:
    """The untrained model; a cold row is what its content says."""
    shape = TowerShape(settings.dim, width=settings.content_width)
    features = dict(enumerate(task.content))
    warm = {row: features[row] for row in warm_rows(task).tolist()}
    tower: ItemTower = first_tower(shape, warm, task.n_items, seed)
    tower.extend({row: features[row] for row in task.cold.tolist()})
    return ServerState.start(tower, SharedScalars.initial(settings.history_length, task.n_types))
