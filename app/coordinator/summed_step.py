"""From the sum of a round's updates to what training goes on from."""

import numpy as np

from app.models.bundle import Bundle
from federation.plan import Plan
from federation.staleness import StaleSums
from recsys.arrays import Floats
from recsys.server_step import ServerSettings, ServerState, server_step


def step_from_sum(
    state: ServerState, sums: StaleSums, plan: Plan, bundle: Bundle, settings: ServerSettings
) -> tuple[ServerState, Floats]:
    """The state after the round, and the fresh members' mean metrics, (n_metrics,).

    state: may know event types that were appended after the plan was made; bundle: the plan's.
    """
    delta, means = sums.mean(plan.grid)
    assert delta.shape == (plan.n_values,)
    added = state.scalars.n_types - bundle.scalars.n_types
    delta = np.concatenate([delta, np.zeros(added, delta.dtype)])
    return server_step(state, delta, bundle.block, settings), means
