"""The models of a comparison by the name that the command line has for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from recsys.baselines.named import NAMES as BASELINES
from recsys.baselines.named import named as baseline
from recsys.recommender import Recommender

TWOFOLD = "twofold"
NAMES = (TWOFOLD, *BASELINES)
# Closed forms and counts, which draw nothing: `fit` never reads its seed (a test holds them to it).
# They are trained once and stand for every seed.
WITHOUT_SEED = frozenset({"popular", "item-knn", "ease"})
HOUSE = frozenset({"recsys", "federation", "evaluation", "clients", "app"})


@dataclass(frozen=True)
class Model:
    """seeded: whether the seed changes anything, so that another one means another training"""

    recommender: Recommender
    seeded: bool

    @property
    def name(self) -> str:
        """As the command line and the table name it."""
        return self.recommender.name


def read_names(text: str) -> tuple[str, ...]:
    """Model names from "twofold,ease". ValueError on none, an unknown one, and one named twice."""
    names = tuple(name for part in text.split(",") if (name := part.strip()))
    if not names:
        raise ValueError(f"no model is named: there are {', '.join(NAMES)}")
    for name in names:
        if name not in NAMES:
            raise ValueError(f"there is no model {name!r}: there are {', '.join(NAMES)}")
        if names.count(name) > 1:
            raise ValueError(f"the model {name!r} is named twice")
    return names


def named(names: Sequence[str], n_rounds: int | None = None) -> tuple[Model, ...]:
    """The models, untrained.

    n_rounds: Twofold trains at most so many, None: its own default
    ValueError on an unknown name, and on a model whose library is not installed.
    """
    return tuple(Model(_made(name, n_rounds), name not in WITHOUT_SEED) for name in names)


def _made(name: str, n_rounds: int | None) -> Recommender:
    if name not in NAMES:
        raise ValueError(f"there is no model {name!r}: there are {', '.join(NAMES)}")
    try:
        return _twofold(n_rounds) if name == TWOFOLD else baseline(name)
    except ModuleNotFoundError as error:
        lacking = (error.name or "").partition(".")[0]
        if not lacking or lacking in HOUSE:
            raise
        detail = f"the model {name!r} needs {lacking}: pip install 'twofold[evaluation]'"
        raise ValueError(detail) from error


def _twofold(n_rounds: int | None) -> Recommender:
    from evaluation.twofold_model import TwofoldRecommender

    return TwofoldRecommender(n_rounds=n_rounds)
