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
        self._before: Model | None = None

    @property
    def recent(self) -> list[Model]:
        """The version that was the newest at the last look, and the newest before that."""
        return [model for model in (self._model, self._before) if model is not None]

    async def get(self, newest: int | None) -> Model | None:
        """The version with the number `newest`; None before the genesis."""
        if newest is None or (self._model is not None and self._model.version == newest):
            return self._model
        async with self._state["database"].read() as connection:
            row = await repository.newest_version(connection)
        assert row is not None, "versions are never deleted"
        self._follow(await asyncio.to_thread(load_model, self._state["blobs"], row))
        return self._model

    def published(self, candidate: Candidate) -> None:
        """This coordinator published `candidate`: it need not be read back."""
        self._follow(candidate.model)
        log.info("published", version=candidate.model.version, kind=candidate.kind)

    def _follow(self, model: Model) -> None:
        self._before, self._model = self._model, model
