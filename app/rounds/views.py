"""Rounds and orders as operators see them."""

from app.clock import rfc3339
from app.rounds.operator_schemas import OrderSettings, RoundOrderView
from app.rounds.orders_repository import RoundOrder
from app.rounds.schemas import RoundView
from app.rounds.views_repository import RoundRow


def round_view(row: RoundRow) -> RoundView:
    """A round with its phase, counts and metrics."""
    return RoundView(
        id=row.id,
        phase=row.state.phase,
        reason=row.state.reason,
        model_version=row.model_version,
        published_version=row.published_version,
        plan_digest=row.plan_digest,
        opened_at=_time(row.state.opened_at),
        ended_at=_time(row.ended_at),
        deadline_at=_time(row.state.deadline_at),
        held_phase=row.state.held_phase,
        paused_at=_time(row.state.paused_at),
        hold_reason=row.hold_reason,
        hold_ends_at=_time(row.state.hold_ends_at),
        retry_of=row.retry_of,
        granted=row.state.granted,
        accepted=row.state.accepted,
        expired=row.state.expired,
        cohort_target=row.state.cohort_target,
        cohort_min=row.state.cohort_min,
        requests_per_update=row.requests_per_update,
        metrics=row.metrics,
    )


def order_view(order: RoundOrder) -> RoundOrderView:
    """An order, and the round that fulfilled it."""
    return RoundOrderView(
        id=order.id,
        status="waiting" if order.round_id is None else "fulfilled",
        start=order.start,
        settings=OrderSettings.model_validate(order.settings),
        retry_of=order.retry_of,
        created_at=rfc3339(order.created_at),
        fulfilled_at=_time(order.fulfilled_at),
        round=order.round_id,
    )


def _time(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
