"""A store that is away or full is no mistake of ours: 503 with `Retry-After`, and one log line."""

import errno
import socket

import structlog
from asyncpg.exceptions import (  # type: ignore[import-untyped]
    CannotConnectNowError,
    TooManyConnectionsError,
)
from fastapi import FastAPI, Request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import Problem, ProblemResponse, problem_response

# Some of asyncpg's failures to connect reach us as they are; others are wrapped.
AWAY = (
    DBAPIError,
    PoolTimeoutError,
    ConnectionError,
    TimeoutError,
    CannotConnectNowError,
    TooManyConnectionsError,
)

# Classes of SQLSTATE: connection exceptions, insufficient resources, an operator's intervention
# (shutting down, starting up, crashed).
OUTAGE_CLASSES = {"08", "53", "57"}
UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
# No room on the disk, no room in the quota, a disk that went read-only.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

log = structlog.get_logger()


def is_no_room(error: BaseException) -> bool:
    """Whether a disk is full, that of the blobs or that under SQLite's file."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    return isinstance(error, DBAPIError) and "disk is full" in str(error.orig)


async def _on_outage(_: Request, exc: Exception) -> ProblemResponse:
    if isinstance(exc, DBAPIError) and not _is_outage(exc):
        raise exc
    log.warning("store_away", error=type(exc).__name__)
    detail = "The database does not answer; try again."
    return problem_response(Problem(503, "store_away", detail, headers={"Retry-After": "1"}))


def _is_outage(exc: DBAPIError) -> bool:
    # The driver's generic error covers Postgres that is going down or not up yet.
    state = getattr(exc.orig, "sqlstate", None) or ""
    lost = exc.connection_invalidated or state[:2] in OUTAGE_CLASSES
    return lost or isinstance(exc, OperationalError | InterfaceError)


async def _on_system_error(request: Request, exc: Exception) -> ProblemResponse:
    if isinstance(exc, socket.gaierror) or getattr(exc, "errno", None) in UNREACHABLE:
        return await _on_outage(request, exc)
    if not isinstance(exc, OSError) or not is_no_room(exc):
        raise exc
    log.error("store_full", error=exc.strerror)
    detail = "The service has no room to store this; try again."
    return problem_response(Problem(503, "store_full", detail, headers={"Retry-After": "5"}))


def install_outage_handlers(app: FastAPI) -> None:
    """Answer 503 where the database is away or a disk is full; the request may come again."""
    for kind in AWAY:
        app.add_exception_handler(kind, _on_outage)
    app.add_exception_handler(OSError, _on_system_error)
