"""`/healthz`, `/readyz`, `/metrics`."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text

from app.errors import Problem
from app.problem_schema import PROBLEM_RESPONSES
from app.wiring import State, StateOf

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> dict[str, str]:
    """Answers as long as the event loop turns; touches no store."""
    return {"status": "alive"}


async def stores_of(state: StateOf) -> dict[str, Any]:
    """Which stores answer, and which model version is served."""
    return {
        "database": "up" if await _database_is_up(state) else "down",
        "cache": "up" if await state["cache"].is_up() else "down",
        "model_version": state["serving"].current_version,
    }


@router.get("/readyz", summary="Can the worker serve", responses={503: PROBLEM_RESPONSES[503]})
async def readyz(stores: Annotated[dict[str, Any], Depends(stores_of)]) -> dict[str, Any]:
    """Ready with a database; without a cache it serves degraded and says so."""
    if stores["database"] != "up":
        raise Problem(
            503,
            "not_ready",
            "The database does not answer.",
            headers={"Retry-After": "1"},
            extra={"stores": stores},
        )
    status = "ready" if stores["cache"] == "up" else "degraded"
    return {"status": status, "stores": stores}


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(state: StateOf) -> Response:
    """Text exposition of this worker's counters."""
    return Response(state["metrics"].render(), media_type=CONTENT_TYPE_LATEST)


async def _database_is_up(state: State) -> bool:
    try:
        async with (
            asyncio.timeout(state["settings"].database_timeout_s),
            state["database"].read() as connection,
        ):
            await connection.execute(text("SELECT 1"))
    except Exception:  # whatever the driver raises, the answer is the same: not ready
        return False
    return True
