"""Updates that name their device: one word in the place of the device's number, all others zero.

A sum of such updates shows who is in it: a word that is neither nothing nor the round's own weight
was counted twice, or came from another round.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from federation.plan import Plan
from federation.update_codec import encode

LOSS = 2.5


def weight(round_id: int, plan: Plan) -> int:
    """The word that stands for one member of this round; no two rounds near each other share it."""
    return plan.grid.levels // 8 + round_id % 65_536


def fingerprint(assignment: dict[str, Any], number: int, loss: float = LOSS) -> bytes:
    """The update of device `number` for this assignment, as it goes over the wire."""
    plan = Plan.from_mapping(assignment["plan"])
    words = np.zeros(plan.n_words, np.int32)
    words[number] = weight(assignment["round"], plan)
    bounds = np.asarray(plan.grid.metric_max)
    metrics = np.asarray((1.0, loss, 0.0, loss**2))
    words[plan.n_values :] = np.rint(metrics / bounds * plan.grid.levels)
    return encode(plan.digest, words)


def members_of(total: npt.NDArray[np.int64], round_id: int, plan: Plan) -> set[int]:
    """The numbers of the devices in a round's sum.

    Raises: AssertionError where a word is neither nothing nor exactly one member.
    """
    values = total[: plan.n_values]
    found = set(np.flatnonzero(values).tolist())
    strange = {n: int(values[n]) for n in found if values[n] != weight(round_id, plan)}
    assert not strange, f"round {round_id}: words that are no single member: {strange}"
    return found
