"""Sampled negatives: rows that are shown to a model as not chosen."""

import numpy as np

from recsys.arrays import Bools, Ints

TRIES_MAX = 100


def draw_negatives(
    excluded: Bools, users: Ints, per_positive: int, rng: np.random.Generator
) -> Ints:
    """Negatives of each positive, (n_positives, per_positive) int64, distinct among themselves.

    excluded: (n_users, n_items), True where a row is no negative of a user
    users: (n_positives,), whose each positive is

    Uniform over the rows that are left, by drawing again what may not stand. A user who has hardly
    any rows left keeps what the last try gave.
    """
    n_items = excluded.shape[1]
    drawn = rng.integers(0, n_items, (users.shape[0], per_positive))
    for _ in range(TRIES_MAX):
        bad = excluded[users[:, None], drawn] | _repeats(drawn)
        if not bad.any():
            break
        drawn[bad] = rng.integers(0, n_items, int(bad.sum()))
    return drawn


def _repeats(drawn: Ints) -> Bools:
    """True where a value already stands further left in its line."""
    found = np.zeros(drawn.shape, bool)
    for i in range(1, drawn.shape[1]):
        found[:, i] = (drawn[:, :i] == drawn[:, i : i + 1]).any(axis=1)
    return found


def rows_mask(rows: tuple[Ints, ...], also: Ints, n_items: int) -> Bools:
    """(len(rows), n_items), True at the given rows of each user and at the rows in `also`."""
    mask = np.zeros((len(rows), n_items), bool)
    for user, own in enumerate(rows):
        mask[user, own] = True
    mask[:, also] = True
    return mask
