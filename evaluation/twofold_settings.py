"""Settings of Twofold in a comparison, and which of them suit what kind of data.

Each was chosen on the validation questions of one dataset of its kind; `docs/model.md` has what was
tried. A task picks by what is known before training: whether its histories have an order, and how
long they are.
"""

from dataclasses import dataclass, field

import numpy as np

from evaluation.simulation.rounds import RoundsSettings
from recsys.adaptation import AdaptationSettings
from recsys.local_training import LocalSettings
from recsys.server_step import ServerSettings
from recsys.task import Task

# With a median history below this, an event more or less is much of what is known of a user.
LONG_HISTORY = 20


@dataclass(frozen=True)
class TwofoldSettings:
    """rounds: of the simulation; dim, content_width: of the item tower; n_rounds: at most so many;
    check_every: rounds between two looks at validation; patience: looks without a better one;
    averaging: decay of the average over versions that ranks (`recsys.averaging`)
    """

    name: str
    rounds: RoundsSettings
    dim: int = 64
    content_width: int = 32
    history_length: int = 200
    n_rounds: int = 600
    check_every: int = 25
    patience: int = 12
    averaging: float = 0.95
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)


LONG = TwofoldSettings(
    "long histories",
    RoundsSettings(
        cohort_target=128,
        clip_l2=1.3,
        local=LocalSettings(n_cuts=8, history_dropout=0.2, vector_dropout=0.4),
        server=ServerSettings(
            rate=6e-3, half_life_rounds=200.0, rate_floor=0.02, weight_decay=1e-4
        ),
    ),
)

SHORT = TwofoldSettings(
    "short histories",
    RoundsSettings(
        cohort_target=512,
        clip_l2=5.0,
        local=LocalSettings(n_cuts=2, history_dropout=0.1, vector_dropout=0.6),
        server=ServerSettings(
            rate=1.2e-2, half_life_rounds=200.0, rate_floor=0.15, weight_decay=1e-4
        ),
    ),
    dim=128,
    content_width=64,
    history_length=50,
    n_rounds=700,
    check_every=50,
    patience=3,
)

WITHOUT_ORDER = TwofoldSettings(
    "without order",
    RoundsSettings(
        cohort_target=512,
        clip_l2=5.0,
        local=LocalSettings(n_cuts=2, history_dropout=0.3, vector_dropout=0.3),
        server=ServerSettings(
            rate=1e-2, half_life_rounds=100.0, rate_floor=0.05, weight_decay=1e-4
        ),
    ),
    dim=128,
    n_rounds=250,
    check_every=25,
    patience=4,
)


def suited(task: Task) -> TwofoldSettings:
    """The settings for data of the task's kind."""
    if not task.ordered:
        return WITHOUT_ORDER
    typical = float(np.median([len(history) for history in task.train]))
    return LONG if typical >= LONG_HISTORY else SHORT
