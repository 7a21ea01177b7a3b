"""The rank among a few sampled candidates: only ever shown next to the full ranking.

Most published federated numbers rank the held-out item among 99 random ones, so this makes ours
comparable with them. It is no substitute: sampled metrics order models differently from the full
ranking (Krichene and Rendle 2020, https://doi.org/10.1145/3394486.3403226).
"""

import numpy as np

from recsys.arrays import Bools, Floats, Ints

NONE = -1


def draw_candidates(eligible: Bools, n: int, rng: np.random.Generator) -> Ints:
    """n distinct eligible rows a question, uniformly: (n_questions, n) int64.

    eligible: (n_questions, n_items). A question with fewer eligible rows gets them all, and NONE
    in the places left.
    """
    keys = rng.random(eligible.shape, dtype=np.float32)
    keys[~eligible] = np.inf
    width = min(n, eligible.shape[1])
    # The n smallest of independent uniform keys are a uniform sample without replacement.
    found = np.argpartition(keys, width - 1, axis=1)[:, :width]
    chosen = np.where(np.take_along_axis(eligible, found, axis=1), found, NONE)
    padding = np.full((eligible.shape[0], n - width), NONE)
    return np.concatenate([chosen, padding], axis=1).astype(np.int64)


def sampled_ranks(scores: Floats, rows: Ints, candidates: Ints) -> Floats:
    """Rank of each row among itself and the candidates, ties half: (n, m) float64, 1 is best.

    rank = 1 + candidates above + half of those tied, as in `rank.ranks_of`.
    scores: (n, n_items); rows: (n, m); candidates: (n, k), NONE for no candidate
    ValueError on a NaN score.
    """
    there = candidates != NONE
    beside = np.take_along_axis(scores, np.where(there, candidates, 0), axis=1)
    own = np.take_along_axis(scores, rows, axis=1)
    if np.isnan(beside[there]).any() or np.isnan(own).any():
        raise ValueError("a candidate's score is NaN")
    above = ((beside[:, None, :] > own[:, :, None]) & there[:, None, :]).sum(axis=2)
    tied = ((beside[:, None, :] == own[:, :, None]) & there[:, None, :]).sum(axis=2)
    ranks: Floats = 1.0 + above + 0.5 * tied
    return ranks
