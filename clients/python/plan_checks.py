"""The client's floor: what a device checks before it works for a plan, whoever runs the service.

A device believes digests, not words: the plan must be the one that its digest names, the bundle and
the block those that the plan names, and the number of words the one that follows from them.
"""

from dataclasses import dataclass

from clients.python.answers import Assignment
from clients.python.bundle import Bundle
from clients.python.objections import Objection
from federation.canonical import digest
from federation.plan import Plan
from federation.update_codec import update_bytes
from recsys.flat_vector import n_values
from recsys.local_training import LocalSettings

METRICS = 4  # n, loss, hits@10, loss squared


@dataclass(frozen=True)
class DeviceLimits:
    """The most that a device gives to one assignment.

    modes: ways of summing that its user accepts; in "plain" the service can read the update.
    """

    modes: tuple[str, ...] = ("plain",)
    bundle_bytes_max: int = 256 << 20
    update_bytes_max: int = 64 << 20
    local_steps_max: int = 100
    n_cuts_max: int = 256


def check_plan(
    assignment: Assignment, limits: DeviceLimits
) -> tuple[Plan, LocalSettings] | Objection:
    """The plan and its training settings, or why the device will not follow it."""
    mode = assignment.plan.get("mode")
    if mode not in limits.modes:  # before the rest: a mode to come may have other fields
        return Objection("mode_unknown", f"mode {mode!r} is not one of {', '.join(limits.modes)}")
    try:
        plan = Plan.from_mapping(assignment.plan)  # every field, and no other
    except ValueError as error:
        return Objection("plan_malformed", f"plan.{error}")
    if plan.digest != assignment.plan_digest:
        return Objection("plan_digest_mismatch", f"the plan's digest is {plan.digest}")
    if plan.n_metrics != METRICS:
        return Objection("metrics_unknown", f"the plan asks for {plan.n_metrics} metrics")
    try:
        settings = LocalSettings.from_mapping(plan.training)
    except ValueError as error:
        return Objection("settings_unknown", f"training: {error}")
    return _excess(plan, settings, limits) or (plan, settings)


def _excess(plan: Plan, settings: LocalSettings, limits: DeviceLimits) -> Objection | None:
    asked = (
        ("update bytes", update_bytes(plan.n_words), limits.update_bytes_max),
        ("local_steps", settings.local_steps, limits.local_steps_max),
        ("n_cuts", settings.n_cuts, limits.n_cuts_max),
    )
    for name, value, most in asked:
        if value > most:
            return Objection("plan_excessive", f"{name}: {value} is more than {most}")
    return None


def check_bundle(plan: Plan, bundle: Bundle) -> Objection | None:
    """Why the bundle is not the one that the plan describes; None when it is."""
    if bundle.model_version != plan.model_version:
        found = f"the bundle is of version {bundle.model_version}, not {plan.model_version}"
        return Objection("bundle_version_mismatch", found)
    if bundle.block.shape[0] != plan.n_block or _block_digest(bundle) != plan.block:
        return Objection("block_mismatch", "the bundle's block is not the one of the plan")
    scalars = bundle.scalars
    values = n_values(plan.n_block, bundle.table.dim, scalars.history_length, scalars.n_types)
    if values != plan.n_values:
        return Objection("n_words_mismatch", f"{values} values fit the bundle, not {plan.n_values}")
    return None


def _block_digest(bundle: Bundle) -> str:
    return digest(bundle.block.astype("<i8", copy=False).tobytes())
