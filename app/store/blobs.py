"""Content-addressed files: written to a temporary name, synced, then renamed into place."""

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

DIGEST_PREFIX = "sha256:"
TEMPORARY = ".put-"


def digest_of(body: bytes) -> str:
    """`sha256:<hex>` of a body."""
    return DIGEST_PREFIX + hashlib.sha256(body).hexdigest()


class BlobTooLarge(Exception):
    """A streamed body went past its limit; nothing was kept."""


class BlobStore:
    """A directory of blobs by folder and name; `put` returns once data and name are durable."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)

    def path(self, folder: str, name: str) -> Path:
        """Where a blob lies. Names are ours (digests, random ids), never a client's."""
        safe = name.replace(":", "-")
        if "/" in safe or safe.startswith("."):
            raise ValueError(f"not a blob name: {name!r}")
        return self.root / folder / safe

    def put(self, folder: str, name: str, body: bytes) -> None:
        """Store `body`; the same name again replaces it whole."""
        path = self.path(folder, name)
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(self.root)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def put_content(self, folder: str, body: bytes) -> str:
        """Store `body` under its own digest, which is returned; known content is not rewritten."""
        digest = digest_of(body)
        if not self.path(folder, digest).exists():
            self.put(folder, digest, body)
        return digest

    def get(self, folder: str, name: str) -> bytes | None:
        """The blob's bytes, or None."""
        try:
            return self.path(folder, name).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, folder: str, name: str) -> None:
        """Forget a blob; a missing one is no error."""
        self.path(folder, name).unlink(missing_ok=True)

    def forget_unfinished(self, before: float) -> int:
        """Delete what killed writers left behind, last written before `before`; how many went."""
        found = [p for p in self.root.glob(f"*/{TEMPORARY}*") if p.stat().st_mtime < before]
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def names(self, folder: str) -> list[str]:
        """Names in a folder, with the digest prefix restored, sorted."""
        path = self.root / folder
        if not path.is_dir():
            return []
        names = (p.name for p in path.iterdir() if not p.name.startswith("."))
        return sorted(n.replace("sha256-", DIGEST_PREFIX, 1) for n in names)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def read_limited(chunks: AsyncIterator[bytes], bytes_max: int) -> bytes:
    """Collect a streamed body of at most `bytes_max` bytes.

    Raises: BlobTooLarge as soon as the limit is passed.
    """
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > bytes_max:
            raise BlobTooLarge
        parts.append(chunk)
    return b"".join(parts)
