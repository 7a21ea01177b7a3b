"""Publishes a version when the catalogue, or the operator's list of event types, has moved."""

import asyncio

import structlog

from app.coordinator import repository
from app.coordinator.candidate import Candidate
from app.coordinator.catalogue_versions import Today, make_genesis, make_version_today
from app.coordinator.debounce import Movement, look
from app.coordinator.live_model import LiveModel
from app.coordinator.model import Model
from app.coordinator.newest_model import NewestModel
from app.coordinator.repository import CatalogueHead
from app.coordinator.standing import publish_live
from app.coordinator.standing_repository import find_live
from app.models.publish import Catalogue
from app.store.blobs import BlobStore
from app.store.database import Database
from app.wiring import State

log = structlog.get_logger()


class CatalogueFollower:
    """The genesis, and every version of kind `catalogue`.

    A change of the catalogue reaches the version that serves at once, and the one that is trained.
    While these are not the same, it is published twice: see `docs/adr/0012`.
    """

    def __init__(self, state: State, newest: NewestModel, live: LiveModel) -> None:
        self._state = state
        self._newest = newest
        self._live = live
        self._movement: Movement | None = None

    async def follow(self, model: Model | None, head: CatalogueHead | None) -> bool:
        """Publish a version if one is due; whether it was. head: as it is now."""
        types = self._event_types(model)
        if head is None or _is_published(model, head, types):
            self._movement = None
            return False
        now = self._state["clock"]()
        self._movement = look(self._movement, head.revision, now)
        if not self._movement.is_due(now):
            return False
        async with self._state["database"].read() as connection:
            live = await find_live(connection)
        candidates = await self._candidates(model, live, types)
        if not candidates:
            return False
        await publish_live(self._state["database"], candidates, live, now)
        for candidate in candidates:
            self._newest.published(candidate)
        self._movement = None
        return True

    def _event_types(self, model: Model | None) -> tuple[str, ...]:
        """The settings' event types if they extend the model's, else the model's own."""
        wanted = self._state["settings"].event_types
        if model is None or wanted[: len(model.event_types)] == model.event_types:
            return wanted
        log.error("event_types_may_only_be_appended", settings=wanted, model=model.event_types)
        return model.event_types

    async def _candidates(
        self, newest: Model | None, live: int | None, types: tuple[str, ...]
    ) -> list[Candidate]:
        """The next versions, the one to serve first; none while there is no item to begin with."""
        if newest is None or live is None:
            return await self._genesis(types)
        bases = [await self._live.get(live)]
        if live != newest.version:
            bases.append(newest)
        since = min(base.catalogue.revision for base in bases)
        today = await read_today(self._state["database"], since, types)
        return await asyncio.to_thread(
            make_versions_today, self._state["blobs"], newest, bases, today
        )

    async def _genesis(self, types: tuple[str, ...]) -> list[Candidate]:
        today = await read_today(self._state["database"], 0, types)
        if not today.catalogue.rows:
            return []
        async with self._state["database"].read() as connection:
            head = await repository.catalogue_head(connection)
        assert head is not None, "the catalogue is never deleted"
        settings, blobs = self._state["settings"], self._state["blobs"]
        return [await asyncio.to_thread(make_genesis, blobs, settings, today, head.row_key)]


async def read_today(database: Database, since: int, event_types: tuple[str, ...]) -> Today:
    """The catalogue at one moment, with what changed after a revision of it."""
    async with database.read() as connection:
        head = await repository.catalogue_head(connection)
        assert head is not None, "the catalogue is never deleted"
        changed = await repository.items_since(connection, since)
        catalogue = Catalogue(head.revision, await repository.live_rows(connection))
    return Today(catalogue, changed, event_types)


def make_versions_today(
    blobs: BlobStore, newest: Model, bases: list[Model], today: Today
) -> list[Candidate]:
    """One version of kind `catalogue` after the other, each made from its own base."""
    candidates: list[Candidate] = []
    for base in bases:
        parent = candidates[-1].model if candidates else newest
        candidates.append(make_version_today(blobs, "catalogue", parent, base, today))
    return candidates


def _is_published(model: Model | None, head: CatalogueHead, types: tuple[str, ...]) -> bool:
    if model is None:
        return False
    return head.revision == model.catalogue.revision and types == model.event_types
