"""The newest version, read once and kept until there is a newer one."""

import asyncio

import structlog

from app.coordinator import repository
from app.coordinator.candidate import Candidate
from app.coordinator.model import Model, load_model
from app.wiring import State

log = structlog.get_logger()


class NewestModel:
    """Follows the newest published version."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._model: Model | None = None

    @property
    def known(self) -> Model | None:
        """The version that was the newest at the last look."""
        return self._model

    async def get(self, newest: int | None) -> Model | None:
        """The version with the number `newest`; None before the genesis."""
        if newest is None or (self._model is not None and self._model.version == newest):
            return self._model
        async with self._state["database"].read() as connection:
            row = await repository.newest_version(connection)
        assert row is not None, "versions are never deleted"
        self._model = await asyncio.to_thread(load_model, self._state["blobs"], row)
        return self._model

    def published(self, candidate: Candidate) -> None:
        """This coordinator published `candidate`: it need not be read back."""
        self._model = candidate.model
        log.info("published", version=candidate.model.version, kind=candidate.kind)
