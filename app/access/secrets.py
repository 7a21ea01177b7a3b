"""Secrets that the embedded default makes for itself and keeps in `data_dir`, mode 0600."""

import hashlib
import os
import secrets
from pathlib import Path

from app.settings import Settings

SERVER_KEY_PREFIX = "tf_server_"
PUBLISHABLE_KEY_PREFIX = "tf_pub_"
PREFIX_CHARS = 14
"""How much of a key is kept and shown, to recognise it by."""
KEY_RANDOM_MIN = 32
KEY_KINDS = {SERVER_KEY_PREFIX: "server", PUBLISHABLE_KEY_PREFIX: "publishable"}


def new_key(prefix: str) -> str:
    """A fresh credential of 256 random bits behind its telling prefix."""
    return prefix + secrets.token_urlsafe(32)


def key_hash(key: str) -> bytes:
    """What is stored of a key. It has 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(key.encode()).digest()


def read_or_create(path: Path, make: str) -> str:
    """The file's text; if there is no file yet it is created with `make`, exactly once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make)
    try:
        os.link(temporary, path)  # fails if another process was first; then its text holds
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return path.read_text().strip()


def signing_secret(settings: Settings) -> bytes:
    """The secret that signs user and device tokens.

    Raises: RuntimeError with a shared database and no TWOFOLD_SECRET: replicas must share it.
    """
    given = settings.secret.get_secret_value()
    if given:
        if len(given.encode()) < 32:
            raise RuntimeError("TWOFOLD_SECRET must have at least 32 bytes")
        return given.encode()
    if settings.database_url:
        raise RuntimeError("TWOFOLD_SECRET is required with TWOFOLD_DATABASE_URL")
    return read_or_create(settings.data_dir / "secret", secrets.token_urlsafe(48)).encode()


def given_keys(settings: Settings) -> dict[str, str]:
    """The keys that the operator chose, by prefix; empty where there is none.

    Raises: RuntimeError for a key without its prefix, by which requests are told apart.
    """
    given = {
        SERVER_KEY_PREFIX: settings.server_key.get_secret_value(),
        PUBLISHABLE_KEY_PREFIX: settings.publishable_key.get_secret_value(),
    }
    for prefix, key in given.items():
        if key and not (key.startswith(prefix) and len(key) >= len(prefix) + KEY_RANDOM_MIN):
            name = f"TWOFOLD_{KEY_KINDS[prefix].upper()}_KEY"
            raise RuntimeError(f"{name} must be '{prefix}' and at least 32 random characters")
    return given


def bootstrap_keys(settings: Settings) -> dict[str, str]:
    """The first key of each kind: given, or generated once into `data_dir`. Kind -> key."""
    given = given_keys(settings)
    return {
        kind: given[prefix] or read_or_create(settings.data_dir / f"{kind}-key", new_key(prefix))
        for prefix, kind in KEY_KINDS.items()
    }
