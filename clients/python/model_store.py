"""The model as downloaded, on the disk: manifest, catalogue map and shards, named by their digests.

Bodies come first and the file that names them last, so that a crash leaves the version before.
Nothing personal is here: the devices of one process may share a store. A body that is missing or
damaged is no error but a cache miss: it is fetched again.

    manifest.json       the version in use        catalogue.json    digest of the newest map
    catalogues/<hex>    id-to-row maps            shards/<hex>      ranges of rows
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clients.python.durable_files import make_private_folder, replace_file
from clients.python.manifest import HEADS, Manifest, read_catalogue, read_manifest
from clients.python.shards import assemble
from federation.canonical import PREFIX, digest, is_digest
from recsys.item_table import ItemTable


@dataclass(frozen=True)
class LocalModel:
    """A model version in memory.

    row_of: item id -> row, items on offer; live: (n_rows,) bool, the rows of those items.
    """

    manifest: Manifest
    table: ItemTable
    row_of: dict[str, int]
    live: npt.NDArray[np.bool_]

    def id_by_row(self) -> dict[int, str]:
        """Row -> item id."""
        return {row: item_id for item_id, row in self.row_of.items()}


class ModelStore:
    """One folder of downloads. precision: of the shards it keeps: float32, float16 or int8.

    keep: hold the loaded version in memory, once for all devices that share the store; without it
    every `load` reads the disk, and nothing stays behind.
    """

    def __init__(self, folder: Path, precision: str = "float16", keep: bool = False) -> None:
        self._folder = folder
        self.precision = precision
        self._keep = keep
        self._loaded: LocalModel | None = None
        for name in (".", "catalogues", "shards"):
            make_private_folder(folder / name)

    def manifest(self) -> Manifest | None:
        """The version in use; None before the first sync."""
        body = _read(self._folder / "manifest.json")
        try:
            return read_manifest(body) if body is not None else None
        except ValueError:
            return None

    def catalogue_digest(self) -> str | None:
        """Name of the newest catalogue map that is here."""
        body = _read(self._folder / "catalogue.json")
        name = body.decode("ascii", "replace").strip() if body is not None else None
        return name if is_digest(name) else None

    def catalogue(self, name: str | None = None) -> dict[str, int] | None:
        """Item id -> row by a map's digest, or by the newest map."""
        wanted = name or self.catalogue_digest()
        body = self.body("catalogues", wanted) if wanted else None
        try:
            return read_catalogue(body) if body is not None else None
        except ValueError:
            return None

    def body(self, folder: str, name: str) -> bytes | None:
        """A body by its digest; None when it is not here, or not what its name says."""
        found = _read(self._path(folder, name))
        return found if found is not None and digest(found) == name else None

    def put(self, folder: str, name: str, body: bytes) -> None:
        """Store a body whose digest was checked."""
        replace_file(self._path(folder, name), body)

    def put_catalogue(self, name: str, body: bytes) -> None:
        """Store a map as the newest."""
        self.put("catalogues", name, body)
        replace_file(self._folder / "catalogue.json", name.encode())
        self._prune("catalogues", {name, self._manifest_catalogue()})

    def commit(self, body: bytes, manifest: Manifest) -> None:
        """Make a version the one in use; everything it names is stored. Older shards go."""
        replace_file(self._folder / "manifest.json", body)
        kept = {s.digest for head in HEADS for s in manifest.shards(head, self.precision)}
        self._prune("shards", kept)
        self._prune("catalogues", {manifest.catalogue, self.catalogue_digest()})

    def load(self) -> LocalModel | None:
        """The version in use; None when it is not here whole, and has to be synced."""
        manifest = self.manifest()
        if manifest is None:
            return None
        if self._loaded is not None and self._loaded.manifest.digest == manifest.digest:
            return self._loaded
        model = self._assemble(manifest)
        if self._keep:
            self._loaded = model
        return model

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether everything that a manifest names is here."""
        bodies = self._shard_bodies(manifest)
        return bodies is not None and self.body("catalogues", manifest.catalogue) is not None

    def _assemble(self, manifest: Manifest) -> LocalModel | None:
        row_of = self.catalogue(manifest.catalogue)
        bodies = self._shard_bodies(manifest)
        if row_of is None or bodies is None:
            return None
        if any(row >= manifest.n_rows for row in row_of.values()):
            return None
        live = np.zeros(manifest.n_rows, bool)
        live[list(row_of.values())] = True
        return LocalModel(manifest, assemble(manifest, self.precision, bodies), row_of, live)

    def _shard_bodies(self, manifest: Manifest) -> dict[str, bytes] | None:
        """Shards by digest; None when one of them is not here."""
        bodies: dict[str, bytes] = {}
        for head in HEADS:
            for shard in manifest.shards(head, self.precision):
                body = self.body("shards", shard.digest)
                if body is None:
                    return None
                bodies[shard.digest] = body
        return bodies

    def _manifest_catalogue(self) -> str | None:
        manifest = self.manifest()
        return manifest.catalogue if manifest else None

    def _path(self, folder: str, name: str) -> Path:
        return self._folder / folder / name.removeprefix(PREFIX)

    def _prune(self, folder: str, kept: Iterable[str | None]) -> None:
        names = {name.removeprefix(PREFIX) for name in kept if name}
        for path in (self._folder / folder).iterdir():
            if path.name not in names and not path.name.startswith("."):
                path.unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
