"""Most popular: the baseline that any recommender has to beat, and the fallback when there is none.

An item's score is the number of users who touched it. Users are counted, not events, so that one
shopper who comes back to an item twenty times does not make it popular.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.datasets.interactions import Event


def popularity(
    histories: Mapping[str, Sequence[Event]],
    item_ids: Sequence[str],
    event_types: Sequence[str] | None = None,
) -> NDArray[np.float32]:
    """Score of each item: (n_items,) float32, the users with an event of the given types on it.

    `histories` must be training histories (`HoldOut.train`): counts that include held-out events
    leak. Without `event_types` every type counts. Events on items not listed are left out.
    """
    counts: Counter[str] = Counter()
    for history in histories.values():
        counts.update({e.item_id for e in history if event_types is None or e.type in event_types})
    return np.array([counts[item_id] for item_id in item_ids], dtype=np.float32)
