"""Content-addressed files: written to a temporary name, synced, then renamed into place."""

import hashlib
import os
import tempfile
from pathlib import Path

DIGEST_PREFIX = "sha256:"
TEMPORARY = ".put-"


def digest_of(body: bytes) -> str:
    """`sha256:<hex>` of a body."""
    return DIGEST_PREFIX + hashlib.sha256(body).hexdigest()


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
        draft = self.draft(folder)
        try:
            draft.write(body)
            draft.keep(name)
        finally:
            draft.close()

    def draft(self, folder: str) -> "Draft":
        """A blob that is written piece by piece; nobody sees it until it is kept."""
        return Draft(self, folder)

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


class Draft:
    """A blob in the making. Close it in any case: what was not kept is deleted."""

    def __init__(self, blobs: BlobStore, folder: str) -> None:
        self._blobs = blobs
        self._folder = blobs.root / folder
        if not self._folder.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(blobs.root)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=TEMPORARY)
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, piece: bytes) -> None:
        """Append."""
        self._file.write(piece)

    def keep(self, name: str) -> None:
        """Give the blob its name; returns once data and name are durable."""
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._path, self._blobs.path(self._folder.name, name))
        _sync_folder(self._folder)

    def close(self) -> None:
        """Let go of the file, and delete it unless it was kept."""
        try:
            self._file.close()
        finally:  # a full disk fails the flush that closing tries once more
            self._path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
