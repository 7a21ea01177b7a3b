"""What `twofold` looks at before it starts anything: each refusal is one clear line."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError
from redis.asyncio import ConnectionPool

from app.access.secrets import given_keys, signing_secret
from app.receipts.signing import receipt_key
from app.settings import LimitSettings, RoundSettings, Settings


class StartRefusedError(Exception):
    """The service cannot start as it is configured; the message is one clear line."""


def read_settings(data_dir: Path | None = None) -> Settings:
    """The settings from the environment; `data_dir` goes there first, for child processes too.

    Raises: StartRefusedError.
    """
    if data_dir is not None:
        os.environ["TWOFOLD_DATA_DIR"] = str(data_dir)
    try:
        settings = Settings()
        _check_urls(settings)
        _check_data_dir(settings.data_dir)
        signing_secret(settings)
        receipt_key(settings)
        given_keys(settings)
    except ValidationError as error:
        raise StartRefusedError(_one_line(error)) from error
    except RuntimeError as error:
        raise StartRefusedError(str(error)) from error
    return settings


def _one_line(error: ValidationError) -> str:
    groups = {group.__name__: group for group in (RoundSettings, LimitSettings)}
    prefix = groups.get(error.title, Settings).model_config["env_prefix"]
    parts = []
    for found in error.errors():
        name = "_".join(str(part) for part in found["loc"]).upper()
        parts.append(f"{prefix}{name or '*'}: {found['msg']}")
    return "; ".join(parts)


def _check_urls(settings: Settings) -> None:
    if not settings.resolved_database_url.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
        raise StartRefusedError("TWOFOLD_DATABASE_URL must begin with sqlite: or postgresql:")
    if settings.redis_url:
        try:
            ConnectionPool.from_url(settings.redis_url)
        except ValueError as error:
            raise StartRefusedError(f"TWOFOLD_REDIS_URL: {error}") from error


def _check_data_dir(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        detail = "is not a folder" if folder.is_file() else (error.strerror or "cannot be made")
        raise StartRefusedError(f"the data directory {folder}: {detail}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartRefusedError(f"the data directory {folder} is not writable")


def check_address(host: str, port: int) -> None:
    """See that nobody listens there, before any store is started.

    Raises: StartRefusedError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartRefusedError(f"{host}:{port}: {error.strerror or error}") from error


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold the data directory while embedded stores run in it; the kernel lets go of it for us.

    Raises: StartRefusedError when another service holds it.
    """
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StartRefusedError(f"another service runs on {folder}") from error
    try:
        yield
    finally:
        os.close(descriptor)
