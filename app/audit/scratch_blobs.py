"""A blob store for trials: reads from another one, and keeps in memory what is written."""

from app.store.blobs import BlobStore, digest_of


class ScratchBlobs(BlobStore):
    """Nothing that is put or deleted here reaches the store below."""

    def __init__(self, below: BlobStore) -> None:
        self.root = below.root
        self._below = below
        self._written: dict[tuple[str, str], bytes] = {}

    def put(self, folder: str, name: str, body: bytes) -> None:
        """Keep `body` until the scratch is dropped."""
        self._written[folder, name] = body

    def put_content(self, folder: str, body: bytes) -> str:
        """The same, under its own digest."""
        digest = digest_of(body)
        self.put(folder, digest, body)
        return digest

    def get(self, folder: str, name: str) -> bytes | None:
        """What was written here, else what lies below."""
        written = self._written.get((folder, name))
        return self._below.get(folder, name) if written is None else written

    def delete(self, folder: str, name: str) -> None:
        """Forget what was written here."""
        self._written.pop((folder, name), None)

    def forget_unfinished(self, before: float) -> int:
        """Nothing is ever half written here."""
        return 0

    def names(self, folder: str) -> list[str]:
        """Names here and below, sorted."""
        here = {name for written, name in self._written if written == folder}
        return sorted(here | set(self._below.names(folder)))
