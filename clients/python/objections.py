"""Objections: why a device will not do what a service asks. Values, with a stable reason.

A device that objects uploads nothing and keeps its user tower.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "foreign_url": "The service names an address that is not its own.",
        "plan_malformed": "The plan has a field that is missing, unknown or out of range.",
        "plan_digest_mismatch": "The plan is not the one that its digest names.",
        "mode_unknown": "The device does not know, or does not accept, this way of summing.",
        "asked_too_often": "The plan promises to ask less often than the device was asked.",
        "plan_excessive": "The plan asks for more work or bytes than a device gives.",
        "settings_unknown": "The plan's training settings are unknown or out of range.",
        "metrics_unknown": "The plan asks for metrics that this device does not measure.",
        "bundle_digest_mismatch": "The bundle's bytes are not those that the plan names.",
        "bundle_malformed": "The bundle lacks something, or holds values that are not finite.",
        "bundle_version_mismatch": "The bundle belongs to another model version than the plan.",
        "block_mismatch": "The bundle's block is not the one that the plan names.",
        "n_words_mismatch": "The plan's number of words does not fit the bundle.",
        "training_diverged": "Training gave values that are not finite.",
        "digest_mismatch": "Downloaded bytes are not those of their digest.",
        "receipt_invalid": "The receipt is not signed by a key of the service, or says nothing.",
        "proof_invalid": "The proof does not show that the update was counted exactly once.",
        "chain_broken": "The audit chain does not hold.",
        "chain_forked": "The audit chain is not the one that the device saw before.",
        "model_malformed": "The model's manifest, map or shards do not hold what they should.",
    }
)
"""Reason code -> what it means, in one line. Codes are only ever added."""


@dataclass(frozen=True)
class Objection:
    """One objection. reason: a key of REASONS; detail: a sentence for whoever reads the log."""

    reason: str
    detail: str

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"reason: unknown code {self.reason!r}")
