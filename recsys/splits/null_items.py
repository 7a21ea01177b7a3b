"""The null-item canary: random items that take the held-out item's place wherever it has one.

A null item is one that its user never touched, so no honest model can rank it above or below the
middle of the candidates on average. A pipeline that treats what is held out differently from what
was never touched, for instance by never drawing it as a negative, treats the null item the same
way and ranks it near the top. It is therefore part of the user's record, after the last event, and
whatever a split does with a record it holds the null items out: no split reads them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.splits.records import Record


def with_nulls(
    records: Sequence[Record],
    n_items: int,
    m: int,
    asked: Ints,
    rng: np.random.Generator,
    pool: Ints | None = None,
) -> tuple[Record, ...]:
    """The records with m distinct null items each.

    asked: sorted indices of the records that test questions are about
    pool: sorted rows to draw from; None: all n_items

    Each null item is uniform over the pool's rows that its user never touched. Across the n users
    who are asked the draws are stratified by popularity (a Latin hypercube, McKay et al. 1979,
    https://doi.org/10.2307/1268522): they get the n equal strata of [0, 1] in random order, each
    draws a point of its stratum, and takes the untouched row at that quantile of popularity. So do
    all others among themselves. The mean over those who are asked of anything that goes with
    popularity then hardly varies between seeds. ValueError if a user has touched the whole pool.
    """
    given = tuple(records)
    by_popularity = _rarest_first(given, n_items, rng)
    if pool is not None:
        by_popularity = by_popularity[np.isin(by_popularity, pool)]
    place_of = np.full(n_items, -1, np.int64)
    place_of[by_popularity] = np.arange(len(by_popularity))
    others = np.setdiff1d(np.arange(len(given)), asked)
    for _ in range(m):
        quantiles = np.empty(len(given))
        for people in (asked, others):
            quantiles[people] = _stratified(len(people), rng)
        given = tuple(
            _with_null(record, by_popularity, place_of, quantile)
            for record, quantile in zip(given, quantiles.tolist(), strict=True)
        )
    return given


def _stratified(n: int, rng: np.random.Generator) -> Floats:
    """(n,) points of [0, 1), one in each of n equal parts, in random order."""
    return (rng.permutation(n) + rng.random(n)) / max(1, n)


def _rarest_first(records: Sequence[Record], n_items: int, rng: np.random.Generator) -> Ints:
    """All rows by the number of users who touched them, ties in random order."""
    users = np.zeros(n_items, np.int64)
    for record in records:
        users[record.touched] += 1
    return np.lexsort((rng.random(n_items), users))


def _with_null(record: Record, by_popularity: Ints, place_of: Ints, quantile: float) -> Record:
    """The record with one more null item, at this quantile of what it does not name."""
    places = place_of[record.touched]
    taken = np.sort(places[places >= 0])
    n_free = len(by_popularity) - len(taken)
    if n_free == 0:
        raise ValueError("a user has touched every item: none is left as a null item (n_nulls)")
    nth = int(quantile * n_free)
    # taken - arange: free places before each taken one. The nth free place has before it all
    # taken places with at most nth free ones before them.
    place = nth + np.searchsorted(taken - np.arange(len(taken)), nth, side="right")
    return replace(record, nulls=np.append(record.nulls, by_popularity[place]))
