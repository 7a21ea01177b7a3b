"""Versions older than the newest that the coordinator works with: above all the one that serves."""

import asyncio

from app.coordinator import repository
from app.coordinator.model import Model, load_model
from app.coordinator.newest_model import NewestModel
from app.wiring import State


class LiveModel:
    """Follows the version that serves: the newest one, unless that waits to be measured."""

    def __init__(self, state: State, newest: NewestModel) -> None:
        self._state = state
        self._newest = newest
        self._model: Model | None = None

    async def get(self, live: int) -> Model:
        """The version with the number `live`."""
        known = next((model for model in self._newest.recent if model.version == live), None)
        if known is not None:
            self._model = known
        elif self._model is None or self._model.version != live:
            self._model = await read_version(self._state, live)
        return self._model


async def read_version(state: State, version: int) -> Model:
    """A published version, from its blobs.

    Raises: ModelLostError, or ModelUnreadableError from its shards.
    """
    async with state["database"].read() as connection:
        row = await repository.find_version(connection, version)
    assert row is not None, "versions are never deleted"
    return await asyncio.to_thread(load_model, state["blobs"], row)
