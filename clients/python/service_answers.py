"""What the service answers to an app's backend: its JSON, typed. Times are RFC 3339."""

from typing import Any, TypedDict


class User(TypedDict):
    """A user and the privacy mode: "device", "vector" or "hosted"."""

    id: str
    mode: str
    created_at: str
    updated_at: str


class UserToken(TypedDict):
    """What a page or phone of one user holds."""

    token: str
    expires_at: str


class LineError(TypedDict):
    """Why a line of an import was rejected. line: from 1, over the whole import."""

    line: int
    field: str
    message: str


class ImportReport(TypedDict):
    """Counts of an import; the first errors of every batch."""

    created: int
    replaced: int
    unchanged: int
    rejected: int
    errors: list[LineError]


class EventsReceipt(TypedDict):
    """accepted: stored now; duplicates: known before."""

    accepted: int
    duplicates: int


class StoredEvent(TypedDict):
    """An event of a hosted user."""

    event_id: str
    item_id: str
    type: str
    at: str


class Reason(TypedDict):
    """An earlier item and what it adds to the score."""

    item_id: str
    contribution: float


class ListedItem(TypedDict):
    """One place of a list."""

    item_id: str
    score: float
    source: str
    because: list[Reason]


class RecommendationList(TypedDict):
    """A list, and how it came about. fallback: why it is not the one asked for."""

    mode: str
    model_version: int | None
    degraded: bool
    degraded_reason: str | None
    adapted: bool
    fallback: str | None
    items: list[ListedItem]


class RoundMetrics(TypedDict):
    """How the version that a round trained from did on its devices' own last events."""

    n: int
    loss: float
    hits_at_10: float
    loss_squared: float


class Round(TypedDict):
    """A round."""

    id: int
    phase: str
    reason: str | None
    model_version: int
    published_version: int | None
    plan_digest: str
    opened_at: str | None
    ended_at: str | None
    deadline_at: str | None
    held_phase: str | None
    paused_at: str | None
    hold_reason: str | None
    hold_ends_at: str | None
    retry_of: int | None
    granted: int
    accepted: int
    expired: int
    cohort_target: int
    cohort_min: int
    requests_per_update: float | None
    metrics: RoundMetrics | None


class RoundOrder(TypedDict):
    """An order of a round: "waiting", or "fulfilled" by the round that it names."""

    id: int
    status: str
    start: bool
    settings: dict[str, float | None]
    retry_of: int | None
    created_at: str
    fulfilled_at: str | None
    round: int | None


class RollbackOrder(TypedDict):
    """An order to go back, of kind "version" or "row".

    state: "open"; "done" with the version that was published; "refused" with its reason.
    """

    id: str
    kind: str
    version: int
    item_id: str | None
    state: str
    reason: str | None
    published_version: int | None
    requested_at: str
    ended_at: str | None


class Verdict(TypedDict):
    """Why a version has its standing; the figures are those of two cohorts, if compared."""

    reason: str
    n: int | None
    n_live: int | None
    difference: float | None
    threshold: float | None


class Version(TypedDict):
    """A published model version; `chain` fixes it and all versions before it.

    standing: `candidate`, `live`, `superseded` or `rejected`.
    """

    version: int
    parent: int | None
    kind: str
    round: int | None
    catalogue_revision: int
    manifest_digest: str
    chain: str
    published_at: str
    standing: str
    verdict: Verdict | None
    decided_at: str | None
    live_at: str | None


class VersionManifest(TypedDict):
    """What a version consists of; `manifest` reads what a device needs of it."""

    version: int
    parent: int | None
    kind: str
    round: int | None
    dim: int
    history_length: int
    event_types: list[str]
    n_rows: int
    n_items: int
    scalars: list[float]
    catalogue: dict[str, Any]
    heads: dict[str, Any]
    catalogue_revision: int
