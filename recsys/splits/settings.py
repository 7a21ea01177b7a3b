"""What may be chosen about a split; the defaults are those of the tables we print."""

from dataclasses import dataclass

from recsys.splits.hold_out import MIN_HISTORY

# Not a name that a shop would give to an event type.
ANY_EVENT = "*"
DEFAULT_BUCKETS = 8192


@dataclass(frozen=True)
class Settings:
    """How much is held out, and of what.

    target_type: event type that is asked for; ANY_EVENT: every type; None: purchases where the
        dataset has some, else every type
    n_test, n_validation: last events of each user that are questions ("last")
    validation_from, test_from: share of all events that lies before the cut ("time")
    n_folds: parts that the users are divided into ("unseen-users")
    test_cold, validation_cold: share of the items that is cold ("cold-items")
    min_history: users with fewer training events are trained on but not asked
    n_nulls: null items a user (`recsys.splits.null_items`)
    n_buckets: that item features are hashed to
    ValueError on numbers that make no split.
    """

    target_type: str | None = None
    n_test: int = 1
    n_validation: int = 1
    validation_from: float = 0.8
    test_from: float = 0.9
    n_folds: int = 5
    test_cold: float = 0.1
    validation_cold: float = 0.05
    min_history: int = MIN_HISTORY
    n_nulls: int = 1
    n_buckets: int = DEFAULT_BUCKETS

    def __post_init__(self) -> None:
        if self.n_test < 1 or self.n_validation < 0 or self.min_history < 1 or self.n_nulls < 0:
            raise ValueError("n_test, min_history: at least 1; n_validation, n_nulls: at least 0")
        if not 0 < self.validation_from < self.test_from < 1:
            raise ValueError("cuts must be 0 < validation_from < test_from < 1")
        if self.n_folds < 2:
            raise ValueError(f"n_folds must be at least 2, not {self.n_folds}")
        if min(self.test_cold, self.validation_cold) <= 0:
            raise ValueError("test_cold and validation_cold must be above 0")
        if self.test_cold + self.validation_cold >= 1:
            raise ValueError("test_cold and validation_cold must leave items to train on")
