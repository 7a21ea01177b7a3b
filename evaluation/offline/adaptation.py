"""Who gains and who loses when a device fits its own tower: adapted against shared, user by user.

The measure is the log-probability of the held-out item, adapted less shared, in nats: unlike a
metric at 10 it moves for everybody. A loss with one seed is a loss, whatever the other seeds say:
shares and means are over pairs of question and seed, intervals over people.
"""

from typing import Any

import numpy as np

from evaluation.offline.bands import Bands, history_bands, within
from evaluation.offline.basis import Basis
from evaluation.offline.histograms import gain_histogram
from evaluation.offline.intervals import interval, known, over_seeds, quotient
from evaluation.offline.quality import NDCG, per_question
from evaluation.offline.results import ModelRuns
from recsys.arrays import Floats

SHARED = "shared"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def who_gains(model: ModelRuns, basis: Basis) -> dict[str, Any] | None:
    """The report on a model's adaptation; None where its runs have no shared scorer beside.

    losers: share who lose; mean_loss: of them (negative); mean_gain: of those who gain, in nats;
    each again with its interval. lift: NDCG@10 adapted over shared, less 1. gain_in_nats: mean over
    everybody. by_history_length: the same by band. quantiles and histogram: of the gain.
    """
    if not all(SHARED in run.beside for run in model.runs):
        return None
    gains = _gains(model)
    if np.isnan(gains).all():
        return None
    everybody = _of_bands(gains, Bands(("all",), np.zeros(gains.shape[1], np.int64)), basis)[0]
    short = {key: everybody[key]["mean"] for key in ("losers", "mean_loss", "mean_gain")}
    return {
        "model": model.name,
        **short,
        "lift": interval(_lift(model, basis)).json(),
        "gain_in_nats": everybody["gain_in_nats"],
        "intervals": {key: everybody[key] for key in short},
        "quantiles": _quantiles(gains),
        "histogram": gain_histogram(gains),
        "by_history_length": _of_bands(gains, history_bands(basis.queries), basis),
    }


def _gains(model: ModelRuns) -> Floats:
    """(n_seeds, n_questions) nats; NaN where either probability is 0 or unknown."""
    after = np.stack([run.test.log_probability for run in model.runs])
    before = np.stack([run.beside[SHARED].log_probability for run in model.runs])
    there = np.isfinite(after) & np.isfinite(before)
    return np.where(there, np.where(there, after, 0.0) - np.where(there, before, 0.0), np.nan)


def _of_bands(gains: Floats, bands: Bands, basis: Basis) -> list[dict[str, Any]]:
    unknown, masks = np.isnan(gains), bands.masks()
    parts = (gains < 0, gains > 0, np.minimum(gains, 0), np.maximum(gains, 0), gains)
    values = np.stack([over_seeds(np.where(unknown, np.nan, part)) for part in parts])
    lose, win, loss, gain, all_of_it = basis.drawn.means(within(values, masks))
    return [
        {
            "name": name,
            "n": int(masks[i].sum()),
            "losers": interval(lose[i]).json(),
            "mean_loss": interval(quotient(loss[i], lose[i])).json(),
            "mean_gain": interval(quotient(gain[i], win[i])).json(),
            "gain_in_nats": interval(all_of_it[i]).json(),
        }
        for i, name in enumerate(bands.names)
    ]


def _lift(model: ModelRuns, basis: Basis) -> Floats:
    after = per_question([run.test for run in model.runs], NDCG)
    before = per_question([run.beside[SHARED] for run in model.runs], NDCG)
    adapted, shared = basis.drawn.means(np.stack([after, before]))
    lift: Floats = quotient(adapted, shared) - 1.0
    return lift


def _quantiles(gains: Floats) -> dict[str, float | None]:
    values = np.nanquantile(gains, QUANTILES)
    return {f"{q:g}": known(value) for q, value in zip(QUANTILES, values, strict=True)}
