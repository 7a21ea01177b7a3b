"""A database that is away is not a mistake of ours: 503 with `Retry-After`, and one log line."""

import structlog
from asyncpg.exceptions import (  # type: ignore[import-untyped]
    CannotConnectNowError,
    TooManyConnectionsError,
)
from fastapi import FastAPI, Request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import Problem, ProblemResponse, problem_response

# asyncpg's failures to connect reach us as they are; those of an open connection are wrapped.
AWAY = (
    DBAPIError,
    PoolTimeoutError,
    ConnectionError,
    CannotConnectNowError,
    TooManyConnectionsError,
)

log = structlog.get_logger()


async def _on_outage(_: Request, exc: Exception) -> ProblemResponse:
    if isinstance(exc, DBAPIError) and not _is_outage(exc):
        raise exc
    log.warning("store_away", error=type(exc).__name__)
    detail = "The database does not answer; try again."
    return problem_response(Problem(503, "store_away", detail, headers={"Retry-After": "1"}))


def _is_outage(exc: DBAPIError) -> bool:
    return exc.connection_invalidated or isinstance(exc, OperationalError | InterfaceError)


def install_outage_handlers(app: FastAPI) -> None:
    """Answer 503 where the database is away; nothing was committed then."""
    for kind in AWAY:
        app.add_exception_handler(kind, _on_outage)
