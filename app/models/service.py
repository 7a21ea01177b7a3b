"""Manifests and immutable bodies of model versions."""

import anyio.to_thread
from fastapi import Response

from app.conditional import matches
from app.errors import not_found
from app.models import repository
from app.models.repository import Manifest
from app.wiring import State

IMMUTABLE = "public, immutable, max-age=31536000"


async def get_manifest(state: State, version: int | None) -> Manifest:
    """The manifest of a version; None asks for the one that serves.

    Raises: Problem 404.
    """
    async with state["database"].read() as connection:
        manifest = await repository.find_manifest(connection, version)
    if manifest is None:
        raise not_found("model version")
    return manifest


def manifest_response(manifest: Manifest, if_none_match: str | None, cache: str) -> Response:
    """The manifest's own bytes, tagged with its digest; 304 when the client has them."""
    tag = f'"{manifest.digest}"'
    headers = {"ETag": tag, "Cache-Control": cache}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(manifest.body, headers=headers, media_type="application/json")


async def blob_response(
    state: State, version: int, folder: str, digest: str, if_none_match: str | None
) -> Response:
    """An immutable body by its digest; 304 when the client has it.

    Raises: Problem 404 when the version is unknown, or the body is gone with an old version.
    """
    async with state["database"].read() as connection:
        if not await repository.version_exists(connection, version):
            raise not_found("model version")
    body = await anyio.to_thread.run_sync(state["blobs"].get, folder, digest)
    if body is None:
        raise not_found("body of this version")
    tag = f'"{digest}"'
    headers = {"ETag": tag, "Cache-Control": IMMUTABLE}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/octet-stream")
