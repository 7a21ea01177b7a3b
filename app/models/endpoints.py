"""`/v1/models`: versions, manifests, and the immutable bodies that they name."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from pydantic import AfterValidator, BeforeValidator

from app.access.dependencies import DeviceCaller, Reader
from app.clock import rfc3339
from app.identifiers import NUMBER_MAX
from app.middleware import decode_segment
from app.models import bundle, publish, repository, service, shards
from app.models.repository import VersionRow
from app.models.schemas import (
    BINARY,
    ManifestView,
    Verdict,
    VersionList,
    VersionView,
)
from app.pagination import LIMIT_DEFAULT, Cursor, Limit, encode_cursor, number_of
from app.rounds import request_count
from app.wiring import StateOf
from federation.canonical import is_digest

router = APIRouter(tags=["models"])
VersionNumber = Annotated[int, Path(ge=1, le=NUMBER_MAX)]
IfNoneMatch = Annotated[str | None, Header()]


def _check_digest(value: str) -> str:
    if not is_digest(value):
        raise ValueError("must be sha256:<64 hexadecimal digits>")
    return value


Digest = Annotated[str, BeforeValidator(decode_segment), AfterValidator(_check_digest), Path()]
MANIFEST: dict[int | str, dict[str, Any]] = {
    200: {"model": ManifestView},
    304: {"description": "The client holds it already."},
}


@router.get("/models", summary="Model versions, newest first")
async def get_versions(
    state: StateOf, who: Reader, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> VersionList:
    """Each version with its parent, its kind, its link in the hash chain and its standing."""
    async with state["database"].read() as connection:
        rows = await repository.list_versions(connection, number_of(cursor), limit + 1)
    more = len(rows) > limit
    page = [_view(row) for row in rows[:limit]]
    following = encode_cursor(str(page[-1].version)) if more else None
    return VersionList(data=page, next_cursor=following)


@router.get("/models/current", summary="Manifest of the version that serves", responses=MANIFEST)
async def get_current(state: StateOf, who: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """What to download to rank; ask again with `If-None-Match`."""
    manifest = await service.get_manifest(state, None)
    return service.manifest_response(manifest, if_none_match, "no-cache")


@router.get("/models/{version}", summary="Manifest of a version", responses=MANIFEST)
async def get_version(
    state: StateOf, who: Reader, version: VersionNumber, if_none_match: IfNoneMatch = None
) -> Response:
    """The version's shards by head and encoding, its scalars, its catalogue map."""
    manifest = await service.get_manifest(state, version)
    return service.manifest_response(manifest, if_none_match, service.IMMUTABLE)


@router.get(
    "/models/{version}/shards/{digest}",
    summary="A shard",
    responses=BINARY,
    response_class=Response,
)
async def get_shard(
    state: StateOf,
    who: Reader,
    version: VersionNumber,
    digest: Digest,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A fixed range of rows of one head in one encoding (safetensors)."""
    return await service.blob_response(state, version, shards.FOLDER, digest, if_none_match)


@router.get(
    "/models/{version}/catalogue/{digest}",
    summary="The catalogue map",
    responses=BINARY,
    response_class=Response,
)
async def get_catalogue(
    state: StateOf,
    who: Reader,
    version: VersionNumber,
    digest: Digest,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Which row each live item has: canonical JSON, {"rows": [[row, item id], ...]}."""
    return await service.blob_response(state, version, publish.CATALOGUES, digest, if_none_match)


@router.get(
    "/models/{version}/bundles/{digest}",
    summary="A plan's bundle",
    responses=BINARY,
    response_class=Response,
)
async def get_bundle(
    state: StateOf,
    who: DeviceCaller,
    version: VersionNumber,
    digest: Digest,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """All that the devices of one plan need, in one body (safetensors)."""
    await request_count.add(state["cache"], who.subject)
    answer = await service.blob_response(state, version, bundle.FOLDER, digest, if_none_match)
    state["metrics"].protocol.labels("download", "ok").inc()
    return answer


def _view(row: VersionRow) -> VersionView:
    return VersionView(
        version=row.id,
        parent=row.parent,
        kind=row.kind,
        round=row.round_id,
        catalogue_revision=row.catalogue_revision,
        manifest_digest=row.manifest_digest,
        chain=row.chain,
        published_at=rfc3339(row.published_at),
        standing=row.standing,
        verdict=None if row.verdict is None else Verdict(**row.verdict),
        decided_at=_time(row.decided_at),
        live_at=_time(row.live_at),
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
