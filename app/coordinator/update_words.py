"""What a device with a given history adds to a round's sum; hosted and simulated devices use it.

`clients.python.update_making` does the same with its own checked bundle: a device's code imports
nothing of the service, so that both call `train_locally` and `to_words`, and a test compares them.
"""

import numpy as np
import numpy.typing as npt

from app.models.bundle import Bundle
from federation.grid import to_words
from federation.plan import Plan
from recsys.draws import Seeds
from recsys.history import History
from recsys.local_training import LocalSettings, train_locally


def update_words(
    plan: Plan, bundle: Bundle, history: History, seeds: Seeds
) -> npt.NDArray[np.int32]:
    """The words of one update, (plan.n_words,): trained, clipped, rounded, with metrics.

    bundle: the plan's, as received (`decode_bundle`); history: positions in the bundle's rows, at
    most history_length events; seeds: (local_steps,).
    """
    block = np.searchsorted(bundle.rows, bundle.block).astype(np.int64)
    settings = LocalSettings.from_mapping(plan.training)
    result = train_locally(bundle.table, bundle.scalars, history, block, settings, seeds)
    return to_words(result.delta, result.metrics.to_vector(), plan.grid)
