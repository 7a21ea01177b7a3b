"""The proof that an update was counted: its place in the tree over all updates of its round."""

import json

from app.errors import Problem, not_found
from app.receipts import repository
from app.receipts.schemas import ProofView
from app.rounds import offers
from app.wiring import State
from federation.merkle import inclusion_path, update_leaves
from federation.round_state import ENDED


async def prove(state: State, device_id: str, assignment_id: str) -> ProofView:
    """The proof of the device's own update; the digests that it needs outlive the updates.

    Raises: Problem 404 for an assignment that is foreign, unknown or without an update, 409
    `round_open`, 410 `discarded`.
    """
    offer = await offers.find_offer(state, device_id, assignment_id)
    if offer.lease.accepted is None:
        raise not_found("update")
    _check_published(offer.stored.state.phase)
    async with state["database"].read() as connection:
        published = await repository.record_of_round(connection, offer.stored.id)
        pairs = await repository.updates_of(connection, offer.stored.id)
    assert published is not None, "a published round has a version"
    index = sorted(assignment for assignment, _ in pairs).index(assignment_id)
    return ProofView(
        assignment=assignment_id,
        round=offer.stored.id,
        version=published.version,
        leaf_index=index,
        tree_size=len(pairs),
        path=list(inclusion_path(update_leaves(pairs), index)),
        record=json.loads(published.record),
        chain=published.chain,
    )


def _check_published(phase: str) -> None:
    if phase not in ENDED:
        raise Problem(409, "round_open", "The round has not ended yet; ask again later.")
    if phase == "abandoned":
        raise Problem(410, "discarded", "The round was abandoned: it counted no update.")
