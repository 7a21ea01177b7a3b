"""From a bundle and a history to the bytes of an update: train, clip, round to the grid, encode."""

from collections.abc import Callable

import numpy as np

from clients.python.answers import Assignment
from clients.python.bundle import Bundle
from clients.python.objections import Objection
from clients.python.own_history import within
from clients.python.plan_checks import check_bundle
from clients.python.state import PendingUpload
from federation.canonical import digest
from federation.device_claims import UploadClaims
from federation.grid import to_words
from federation.plan import Plan
from federation.update_codec import encode
from recsys.draws import draw_seeds
from recsys.history import History
from recsys.local_training import LocalSettings, train_locally


def make_update(
    plan: Plan,
    settings: LocalSettings,
    bundle: Bundle,
    history: History,
    rng: np.random.Generator,
) -> bytes | Objection:
    """The body of the update that `plan` asks for. history: model rows, oldest first.

    A device whose history is too short uploads zeros, like any other: that it stays away would
    tell the service how little its user did.
    """
    objection = check_bundle(plan, bundle)
    if objection is not None:
        return objection
    known = within(history, bundle.rows).last(bundle.scalars.history_length)
    seeds = draw_seeds(rng, settings.local_steps)
    # A rate beyond reason overflows; that is the plan's doing, and found below.
    with np.errstate(over="ignore", invalid="ignore"):
        result = train_locally(
            bundle.table, bundle.scalars, known, bundle.block_positions, settings, seeds
        )
    metrics = result.metrics.to_vector()
    if not (np.isfinite(result.delta).all() and np.isfinite(metrics).all()):
        return Objection("training_diverged", "training gave values that are not finite")
    return encode(plan.digest, to_words(result.delta.astype(np.float32), metrics, plan.grid))


def pending_upload(
    assignment: Assignment, upload_url: str, body: bytes, sign: Callable[[UploadClaims], str]
) -> PendingUpload:
    """The update as it is stored before it is sent. upload_url: checked, absolute."""
    claims = UploadClaims(assignment.plan_digest, assignment.round, assignment.id, digest(body))
    return PendingUpload(
        assignment.id, assignment.round, upload_url, claims.body_digest, body, sign(claims)
    )
