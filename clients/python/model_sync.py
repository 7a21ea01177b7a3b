"""Downloading a model version: manifest, catalogue map, shards of all heads; only what is new.

All heads and all rows are fetched. A partial fetch would tell the service what the user looks at.
"""

from dataclasses import dataclass

from clients.python.answers import Failure
from clients.python.connection import Connection
from clients.python.manifest import HEADS, Manifest, Shard, read_catalogue, read_manifest
from clients.python.model_store import ModelStore
from clients.python.objections import Objection
from clients.python.shards import decode_shard
from federation.canonical import digest


@dataclass(frozen=True)
class Synced:
    """The store holds this version. moved: it did not before."""

    version: int
    moved: bool


def sync_model(connection: Connection, store: ModelStore) -> Synced | Failure | Objection:
    """Bring the store to the service's current version."""
    known = store.manifest()
    etag = known.digest if known and store.is_whole(known) else None
    answer = connection.model("current", etag=etag)
    if isinstance(answer, Failure):
        return answer
    if answer.status == 304 and known is not None:
        return Synced(known.version, moved=False)
    try:
        manifest = read_manifest(answer.body)
        return _fetch_version(connection, store, answer.body, manifest)
    except ValueError as error:
        return Objection("model_malformed", str(error))


def _fetch_version(
    connection: Connection, store: ModelStore, body: bytes, manifest: Manifest
) -> Synced | Failure | Objection:
    refused = sync_catalogue(connection, store, manifest.version, manifest.catalogue)
    for head in HEADS:
        for shard in manifest.shards(head, store.precision):
            refused = refused or _fetch_shard(connection, store, manifest, head, shard)
    if refused is not None:
        return refused
    store.commit(body, manifest)
    return Synced(manifest.version, moved=True)


def sync_catalogue(
    connection: Connection, store: ModelStore, version: int, name: str
) -> Failure | Objection | None:
    """Fetch the catalogue map `name` unless it is there; None when it is."""
    if store.body("catalogues", name) is None:
        body = _fetch(connection, f"{version}/catalogue/{name}", name)
        if not isinstance(body, bytes):
            return body
        try:
            read_catalogue(body)
        except ValueError as error:  # a map that cannot be read is not kept
            return Objection("model_malformed", str(error))
        store.put_catalogue(name, body)
    return None


def first_catalogue(connection: Connection, store: ModelStore) -> Failure | Objection | None:
    """Fetch the map of the current version, for a device that has none yet."""
    answer = connection.model("current")
    if isinstance(answer, Failure):
        return answer
    try:
        manifest = read_manifest(answer.body)
    except ValueError as error:
        return Objection("model_malformed", str(error))
    return sync_catalogue(connection, store, manifest.version, manifest.catalogue)


def _fetch_shard(
    connection: Connection, store: ModelStore, manifest: Manifest, head: str, shard: Shard
) -> Failure | Objection | None:
    if store.body("shards", shard.digest) is not None:
        return None
    body = _fetch(connection, f"{manifest.version}/shards/{shard.digest}", shard.digest)
    if not isinstance(body, bytes):
        return body
    decode_shard(body, head, store.precision, shard, manifest.dim)  # ValueError: it is not kept
    store.put("shards", shard.digest, body)
    return None


def _fetch(connection: Connection, path: str, name: str) -> bytes | Failure | Objection:
    answer = connection.model(path)
    if isinstance(answer, Failure):
        return answer
    if digest(answer.body) != name:
        return Objection("digest_mismatch", f"{path} has the digest {digest(answer.body)}")
    return answer.body
