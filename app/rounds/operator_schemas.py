"""Bodies and answers of the routes that steer rounds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.schemas import StrictBody
from app.settings import BLOCK_ROWS_MAX, COHORT_MAX, WAIT_S_MAX
from federation.grid import CLIP_L2_MAX, CLIP_L2_MIN
from federation.plan import STALENESS_LIMIT
from federation.round_events import REASON_PATTERN

Cohort = Annotated[int, Field(ge=1, le=COHORT_MAX)]
Staleness = Annotated[int, Field(ge=0, le=STALENESS_LIMIT)]
Rounds = Annotated[int, Field(ge=0, le=COHORT_MAX)]
WaitS = Annotated[float, Field(gt=0, le=WAIT_S_MAX)]
ClipL2 = Annotated[float, Field(ge=CLIP_L2_MIN, le=CLIP_L2_MAX)]
BlockRows = Annotated[int, Field(ge=1, le=BLOCK_ROWS_MAX)]
Reason = Annotated[str, Field(pattern=f"^{REASON_PATTERN.pattern}$")]


class RoundOrderBody(StrictBody):
    """A round to open when none is; what is left out is as the service's settings have it.

    start: false has it wait, scheduled, until it is started.
    """

    start: bool = True
    cohort_target: Cohort | None = None
    cohort_min: Cohort | None = None
    deadline_s: WaitS | None = None
    lease_s: WaitS | None = None
    hold_s_max: WaitS | None = None
    max_staleness: Staleness | None = None
    concurrency: Cohort | None = None
    refill: Cohort | None = None
    min_separation: Rounds | None = None
    participations_max: Rounds | None = None
    clip_l2: ClipL2 | None = None
    block_rows: BlockRows | None = None

    def settings(self) -> dict[str, Any]:
        """The settings that were given."""
        return self.model_dump(exclude={"start"}, exclude_none=True)


class NoBody(StrictBody):
    """Empty: the address says all."""


class ReasonBody(StrictBody):
    """Why: a code in snake_case. It is logged, and the round keeps why it was held or abandoned."""

    reason: Reason = "operator"


class ScheduleBody(StrictBody):
    """Whether rounds open by themselves."""

    automatic: bool


class ScheduleView(BaseModel):
    """Whether rounds open by themselves. updated_at: null while the service's settings decide."""

    automatic: bool
    updated_at: str | None


class OrderSettings(BaseModel):
    """What an ordered round is planned from."""

    cohort_target: int
    cohort_min: int
    deadline_s: float
    lease_s: float
    hold_s_max: float
    max_staleness: int
    concurrency: int | None
    refill: int
    min_separation: int
    participations_max: int
    clip_l2: float
    block_rows: int


class RoundOrderView(BaseModel):
    """An order: "waiting" until the coordinator opened, or scheduled, the round that it names."""

    id: int
    status: Literal["waiting", "fulfilled"]
    start: bool
    settings: OrderSettings
    retry_of: int | None
    created_at: str
    fulfilled_at: str | None
    round: int | None


class RoundOrderList(BaseModel):
    """A page of orders, newest first."""

    data: list[RoundOrderView]
    next_cursor: str | None
