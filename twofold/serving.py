"""`twofold serve`: stores, coordinator and API workers under one parent."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

import uvicorn
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.access.secrets import bootstrap_keys
from app.cache.embedded import EmbeddedRedis
from app.settings import Settings
from app.store.database import Database
from app.store.revision import is_current
from twofold.start_checks import StartRefusedError, check_address, sole_owner
from twofold.supervision import KeptRunning, name_supervisor
from twofold.tls import TlsFiles

T = TypeVar("T")

COORDINATE = [sys.executable, "-P", "-m", "twofold", "coordinate"]
KEEP_ALIVE_S = 30
GRACEFUL_S = 5


@dataclass(frozen=True)
class ServeOptions:
    """What the command line says."""

    host: str
    port: int
    workers: int
    coordinator: bool
    tls: TlsFiles = field(default_factory=TlsFiles)


def serve(settings: Settings, options: ServeOptions) -> None:
    """Run until SIGTERM or SIGINT.

    Raises: StartRefusedError.
    """
    tls = options.tls.server_options()
    name_supervisor()
    signal.signal(signal.SIGTERM, _exit)
    check_address(options.host, options.port)
    with ExitStack() as stack:
        if not (settings.redis_url and settings.database_url):
            stack.enter_context(sole_owner(settings.data_dir))
        _start_cache(settings, stack)
        asyncio.run(prepare_database(settings))
        _print_keys(settings)
        if options.coordinator:
            keeper = KeptRunning(COORDINATE)
            keeper.start()
            stack.callback(keeper.stop)
        uvicorn.run(
            "twofold.asgi:application",
            factory=True,
            host=options.host,
            port=options.port,
            workers=options.workers,
            loop="uvloop",
            http="app.http_protocol:BoundedHttp",
            ws="none",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACEFUL_S,
            log_level="info",
            server_header=False,
            **tls,
        )


def _exit(number: int, frame: FrameType | None) -> None:
    # uvicorn raises the signal again when it has shut down; the default would end us on the spot.
    raise SystemExit(0)


def _start_cache(settings: Settings, stack: ExitStack) -> None:
    if settings.redis_url:
        return
    server = EmbeddedRedis(settings.data_dir)
    try:
        server.start()
    except RuntimeError as error:
        raise StartRefusedError(str(error)) from error
    stack.callback(server.stop)
    os.environ["TWOFOLD_REDIS_URL"] = server.url


async def prepare_database(settings: Settings) -> None:
    """Bring the embedded database to the newest schema; check a given one.

    Raises: StartRefusedError when a given database is not there, or not at the newest schema.
    """
    if settings.database_url:
        await check_database(settings)
    elif not await _with_database(settings, is_current):
        await migrate_database(settings)


async def check_database(settings: Settings) -> None:
    """See that the database is at the newest schema.

    Raises: StartRefusedError.
    """
    if not await _with_database(settings, is_current):
        detail = "run `twofold migrate` first."
        raise StartRefusedError(f"The database is not at this version's schema: {detail}")


async def migrate_database(settings: Settings) -> None:
    """Upgrade to the newest schema.

    Raises: StartRefusedError.
    """
    # Seldom needed, and a tenth of a start to import.
    from app.store.migrate import migrate

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await _with_database(settings, migrate)


async def _with_database(settings: Settings, run: Callable[[Database], Awaitable[T]]) -> T:
    try:
        database = Database(settings.resolved_database_url)
    except (ArgumentError, ImportError, ValueError) as error:
        raise StartRefusedError(f"TWOFOLD_DATABASE_URL: {error}") from error
    try:
        return await run(database)
    except (OSError, SQLAlchemyError) as error:
        detail = str(error).splitlines()[0]
        raise StartRefusedError(f"The database does not answer: {detail}") from error
    finally:
        await database.close()


def redis_url(settings: Settings) -> str:
    """The given URL, or the embedded server's of the service that runs on this directory."""
    return settings.redis_url or EmbeddedRedis(settings.data_dir).url


def _print_keys(settings: Settings) -> None:
    bootstrap_keys(settings)
    given = {
        "server": settings.server_key.get_secret_value(),
        "publishable": settings.publishable_key.get_secret_value(),
    }
    for kind, key in given.items():
        where = "from the settings" if key else f"in {settings.data_dir / f'{kind}-key'}"
        print(f"{kind} key: {where}", flush=True)
