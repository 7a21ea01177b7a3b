"""One scorer on one set of questions: every number of the evaluation is made from this.

Ranks are over all candidates. Beside them stands the rank among N_SAMPLED random candidates, which
are drawn once for a set of questions (`sampled_for`) and shared by every model and seed. They are
drawn from a question's candidates other than its nulls and whatever is held out of the same person,
so that no two things whose ranks are reported stand in each other's way.
"""

from dataclasses import fields

import numpy as np

from evaluation.offline.results import LIST_LENGTH, N_SAMPLED, Measured
from recsys.arrays import Bools, Floats, Ints
from recsys.metrics.percentile import percentiles_of
from recsys.metrics.rank import ranks_of
from recsys.metrics.sampled import draw_candidates, sampled_ranks
from recsys.recommender import OnProgress, Scorer, chunks, not_candidates
from recsys.task import Queries

NOBODY = -1


def sampled_for(queries: Queries, n_items: int, seed: int, n: int = N_SAMPLED) -> Ints:
    """The sampled candidates of each question, (n_questions, n) int64, -1 where there are fewer.

    Equal questions and seed give equal candidates, whatever the model.
    """
    rng, held = np.random.default_rng(seed), held_out(queries)
    drawn, done = [np.zeros((0, n), np.int64)], 0
    for part in chunks(queries):
        eligible = _untouched(held[done : done + len(part)], not_candidates(part, n_items))
        np.put_along_axis(eligible, part.nulls, False, axis=1)
        drawn.append(draw_candidates(eligible, n, rng))
        done += len(part)
    return np.concatenate(drawn)


def measure(
    scorer: Scorer, queries: Queries, sampled: Ints, on_progress: OnProgress = lambda *_: None
) -> Measured:
    """Ask the scorer every question.

    sampled: (n_questions, n) from `sampled_for`
    Null percentiles are among the candidates other than the null itself and all that is held out
    of the same person: such items are better than chance, and counting them would put an honest
    model's nulls a little below 0.5.
    ValueError on no questions, a NaN score of a candidate, a target or null that is no candidate.
    """
    if not len(queries) or sampled.shape[0] != len(queries):
        raise ValueError(f"{len(queries)} questions with {sampled.shape[0]} sampled lists")
    held, parts, done = held_out(queries), [], 0
    for part in chunks(queries):
        at = slice(done, done + len(part))
        parts.append(_measure_part(scorer, part, held[at], sampled[at]))
        done += len(part)
        on_progress(done / len(queries), "asking")
    return _joined(parts)


def held_out(queries: Queries) -> list[Ints]:
    """Per question the targets of all questions to the same person."""
    order = np.argsort(queries.people, kind="stable")
    of, starts = np.unique(queries.people[order], return_index=True)
    targets = np.split(queries.targets[order], starts[1:])
    return [targets[i] for i in np.searchsorted(of, queries.people)]


def _measure_part(scorer: Scorer, queries: Queries, held: list[Ints], sampled: Ints) -> Measured:
    scores = np.asarray(scorer.scores(queries.histories, queries.users))
    blocked = not_candidates(queries, scores.shape[1])
    ranks = ranks_of(scores, queries.targets, blocked)
    return Measured(
        ranks=ranks,
        sampled_ranks=sampled_ranks(scores, queries.targets[:, None], sampled)[:, 0],
        n_candidates=(~blocked).sum(axis=1),
        null_percentiles=_null_percentiles(scores, queries, held, blocked),
        null_sampled_ranks=sampled_ranks(scores, queries.nulls, sampled),
        log_probability=log_probability(scores, queries.targets),
        lists=best_rows(scores, blocked),
    )


def _null_percentiles(scores: Floats, queries: Queries, held: list[Ints], blocked: Bools) -> Floats:
    if np.take_along_axis(blocked, queries.nulls, axis=1).any():
        raise ValueError("a null is no candidate of its own question")
    return percentiles_of(scores, queries.nulls, _untouched(held, blocked))


def _untouched(held: list[Ints], blocked: Bools) -> Bools:
    """(n, n_items): candidates that the person has not touched, so far as the questions tell."""
    untouched = ~blocked
    for i, rows in enumerate(held):
        untouched[i, rows] = False
    return untouched


def log_probability(scores: Floats, targets: Ints) -> Floats:
    """Log softmax of the scores over all rows, at the target: (n,) float64.

    It means a probability only for models trained with a softmax; for others it is a number on the
    scale of their scores. NaN where a score is +inf or NaN, -inf where the target's is.
    """
    top = scores.max(axis=1, keepdims=True)
    top[~np.isfinite(top)] = np.nan
    total = np.exp(scores - top).sum(axis=1, dtype=np.float64)
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    log: Floats = (own - top)[:, 0].astype(np.float64) - np.log(total)
    return log


def best_rows(scores: Floats, blocked: Bools, k: int = LIST_LENGTH) -> Ints:
    """The k best rows that are not blocked, best first: (n, k) int64, -1 where there are fewer.

    A row scored -inf is never listed. Ties stand in an order that the scores alone decide.
    """
    open_scores = np.where(blocked, -np.inf, scores)
    width = min(k, scores.shape[1])
    found = np.argpartition(-open_scores, width - 1, axis=1)[:, :width]
    values = np.take_along_axis(open_scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    rows = np.take_along_axis(found, order, axis=1)
    listed = np.take_along_axis(values, order, axis=1) > -np.inf
    lists = np.full((scores.shape[0], k), NOBODY, np.int64)
    lists[:, :width] = np.where(listed, rows, NOBODY)
    return lists


def _joined(parts: list[Measured]) -> Measured:
    names = [one.name for one in fields(Measured)]
    return Measured(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
