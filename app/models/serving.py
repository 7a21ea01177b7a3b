"""The versions that a worker ranks with, kept current beside the requests."""

import asyncio
import contextlib

import numpy as np
import structlog

from app.models import serving_repository as repository
from app.models.hidden_rows import HiddenRows
from app.models.served_model import Counts, ModelUnreadableError, ServedModel, read_model
from app.store.blobs import BlobStore
from app.store.database import Database
from recsys.arrays import Bools

__all__ = ["ServedModel", "ServingModels"]

COUNTS_PERIOD_S = 10.0
# Counting reads every event. A long count makes the next one wait, so that it stays a small share.
COUNTS_REST_FACTOR = 20.0
UNREADABLE_PAUSE_S = 5.0
END_WAIT_S = 2.0

log = structlog.get_logger()


class ServingModels:
    """Loads versions that go live, follows deletions, counts what is popular.

    A version that waits to be measured, or was rejected, is never loaded. The numbers of those that
    serve only grow, so the newest that served is the one that serves.

    A request takes `current` once. Swapping is one assignment on the event loop, so no request sees
    half of it. While the database is away everything stays as it was.
    """

    def __init__(self, database: Database, blobs: BlobStore, keep: int) -> None:
        self._database = database
        self._blobs = blobs
        self._keep = keep
        self._models: dict[int, ServedModel] = {}
        self._hidden = HiddenRows()
        self._counts = Counts(np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._count_at = self._count_rest_until = 0.0
        self._seen_version: int | None = None
        self._catalogue_revision = 0
        self._retry_at: dict[int, float] = {}
        self._one_look = asyncio.Lock()

    @property
    def current(self) -> ServedModel | None:
        """The version that serves, or the newest before it that could be read."""
        return self._models[max(self._models)] if self._models else None

    @property
    def current_version(self) -> int | None:
        """Its number."""
        return max(self._models, default=None)

    def get(self, version: int) -> ServedModel | None:
        """A version that is still rankable."""
        return self._models.get(version)

    def hide(self, row: int) -> None:
        """The item of this row was deleted in this worker."""
        self._hidden.hide(row)

    def reveal(self, row: int) -> None:
        """The item of this row came back in this worker."""
        self._hidden.reveal(row)

    def listable(self, model: ServedModel) -> Bools:
        """(n_rows,) rows of a version that may be listed now. Not to be written to."""
        return self._hidden.listable(model)

    async def refresh(self) -> None:
        """Look once: new versions, deleted items, event counts if they are due."""
        async with self._one_look:
            async with self._database.read() as connection:
                heads = await repository.find_heads(connection)
            await self._follow_versions(heads.version)
            await self._follow_catalogue(heads.catalogue_revision)
            if _now() >= self._count_at:
                await self._count()

    async def follow(self, period_s: float) -> None:
        """Look again and again; never ends by itself."""
        was_failing = False
        while True:
            await asyncio.sleep(period_s)
            try:
                await self.refresh()
                was_failing = False
            except Exception as error:  # any failure of a store: keep serving what we have
                if not was_failing:
                    log.warning("serving_not_refreshed", error=type(error).__name__)
                was_failing = True

    async def end(self, following: asyncio.Task[None]) -> None:
        """End a task of `follow` between two looks: a query cut off would outlive its loop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_WAIT_S), self._one_look:
                following.cancel()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

    async def _follow_versions(self, newest: int | None) -> None:
        if newest is None or (newest == self._seen_version and not self._retry_at):
            return
        async with self._database.read() as connection:
            ids = await repository.newest_versions(connection, self._keep)
        self._retry_at = {v: at for v, at in self._retry_at.items() if v in ids}
        for version in ids:
            if version not in self._models and _now() >= self._retry_at.get(version, 0.0):
                await self._load(version)
        self._seen_version = newest

    async def _load(self, version: int) -> None:
        async with self._database.read() as connection:
            manifest = await repository.find_manifest(connection, version)
        if _now() >= self._count_rest_until:
            await self._count()
        try:
            model = await asyncio.to_thread(read_model, self._blobs, manifest or b"", self._counts)
        except (ModelUnreadableError, OSError) as error:
            log.error("version_unreadable", version=version, error=str(error))
            self._retry_at[version] = _now() + UNREADABLE_PAUSE_S
            return
        self._retry_at.pop(version, None)
        kept = sorted({*self._models, version})[-self._keep :]
        known = {**self._models, version: model}
        await self._look_at_rows(model.catalogue_revision, {v: known[v] for v in kept})

    async def _follow_catalogue(self, revision: int) -> None:
        if self._models and (revision != self._catalogue_revision or self._hidden.has_unchecked):
            await self._look_at_rows(self._catalogue_revision, self._models)

    async def _look_at_rows(self, since: int, models: dict[int, ServedModel]) -> None:
        """Learn of deletions after a catalogue revision, and serve these versions from then on."""
        since = min(since, self._catalogue_revision) if self._models else since
        checking = self._hidden.begin_look()
        try:
            async with self._database.read() as connection:
                heads = await repository.find_heads(connection)
                states = await repository.rows_changed_since(connection, since)
                states += await repository.find_rows(connection, checking)
        except BaseException:
            self._hidden.abandon_look(checking)
            raise
        self._hidden.apply_look(states)
        self._hidden.serve(models.values())
        self._models, self._catalogue_revision = models, heads.catalogue_revision

    async def _count(self) -> None:
        started = _now()
        async with self._database.read(takes_long=True) as connection:
            self._counts = await repository.count_events(connection)
        self._count_rest_until = _now() + COUNTS_REST_FACTOR * (_now() - started)
        self._count_at = max(started + COUNTS_PERIOD_S, self._count_rest_until)
        if model := self.current:
            counted = await asyncio.to_thread(model.with_counts, self._counts)
            self._models = {**self._models, model.version: counted}


def _now() -> float:
    return asyncio.get_running_loop().time()
