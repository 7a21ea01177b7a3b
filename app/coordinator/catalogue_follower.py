"""Publishes a version when the catalogue, or the operator's list of event types, has moved."""

import asyncio

import structlog

from app.coordinator import repository
from app.coordinator.candidate import Candidate
from app.coordinator.catalogue_versions import make_catalogue_version, make_genesis
from app.coordinator.debounce import Movement, look
from app.coordinator.model import Model
from app.coordinator.newest_model import NewestModel
from app.coordinator.publishing import publish_version
from app.coordinator.repository import CatalogueHead
from app.models.publish import Catalogue
from app.wiring import State

log = structlog.get_logger()


class CatalogueFollower:
    """The genesis, and every version of kind `catalogue`."""

    def __init__(self, state: State, newest: NewestModel) -> None:
        self._state = state
        self._newest = newest
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
        candidate = await self._candidate(model, types)
        if candidate is None:
            return False
        await publish_version(self._state["database"], candidate, now)
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

    async def _candidate(self, model: Model | None, types: tuple[str, ...]) -> Candidate | None:
        """The next version; None while there is no item to begin with."""
        async with self._state["database"].read() as connection:
            await repository.pin_snapshot(connection)
            head = await repository.catalogue_head(connection)
            assert head is not None, "the catalogue is never deleted"
            since = model.catalogue.revision if model else 0
            changed = await repository.items_since(connection, since)
            catalogue = Catalogue(head.revision, await repository.live_rows(connection))
        blobs = self._state["blobs"]
        if model is not None:
            return await asyncio.to_thread(
                make_catalogue_version, blobs, model, changed, catalogue, types
            )
        if not catalogue.rows:
            return None
        live = [item for item in changed if item.is_live]
        settings = self._state["settings"]
        return await asyncio.to_thread(make_genesis, blobs, settings, live, catalogue, head.row_key)


def _is_published(model: Model | None, head: CatalogueHead, types: tuple[str, ...]) -> bool:
    if model is None:
        return False
    return head.revision == model.catalogue.revision and types == model.event_types
