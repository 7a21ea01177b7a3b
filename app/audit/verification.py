"""The audit from end to end: chain, sums and rebuilds, version by version, to the first break."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.audit import repository
from app.audit.evidence import Evidence, check_evidence
from app.audit.rebuilding import Rebuilt, Replay
from app.coordinator.repository import find_version
from app.coordinator.retention import Retention, is_checkpoint
from app.coordinator.retention_repository import find_retention
from app.settings import Settings
from app.store.blobs import BlobStore
from app.store.database import Database
from federation.audit import AuditRecord
from federation.audit_chain import BrokenLink, StoredRecord, check_link, read_stored


@dataclass(frozen=True)
class AuditOptions:
    """version: rebuild this one alone; rebuild: False checks chain and sums only; head: a chain
    digest noted earlier, which must still be a version's."""

    version: int | None = None
    rebuild: bool = True
    head: str | None = None


@dataclass(frozen=True)
class Finding:
    """A version that holds. sum: whether its sum was there to check; None: no round made it."""

    version: int
    kind: str
    chain: str
    sum: Literal["checked", "pruned"] | None
    rebuilt: Rebuilt | None


class CannotRebuildError(Exception):
    """The version that was asked for is not there, or what it was made from is kept no more."""


class Verification:
    """One run over the versions that there are when it begins."""

    def __init__(
        self, database: Database, blobs: BlobStore, settings: Settings, secret: bytes
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._settings = settings
        self._replay = Replay(blobs, secret)
        self._retention: Retention | None = None
        self._replay_from, self._replay_to = 1, 0

    async def begin(self, options: AuditOptions) -> int:
        """How many versions there are to check.

        Raises: CannotRebuildError.
        """
        self._retention = await self._find_retention()
        async with self._database.read() as connection:
            newest = await repository.newest_published(connection)
        if options.version is not None:
            await self._aim_at(options.version)
        elif options.rebuild and self._retention is not None:
            self._replay_from, self._replay_to = self._retention.base, newest
        return newest

    async def run(
        self, newest: int, options: AuditOptions, on_finding: Callable[[Finding], None]
    ) -> BrokenLink | None:
        """Check the versions up to `newest`; the first link that is broken, or None."""
        previous: AuditRecord | None = None
        head_seen = options.head is None
        for number in range(1, newest + 1):
            found = await self._check(number, previous)
            if isinstance(found, BrokenLink):
                return found
            finding, previous = found
            head_seen = head_seen or finding.chain == options.head
            on_finding(finding)
        return None if head_seen else BrokenLink(newest, "head: the chain does not hold it")

    async def _check(
        self, number: int, previous: AuditRecord | None
    ) -> tuple[Finding, AuditRecord] | BrokenLink:
        evidence = await self._evidence(number, previous)
        if isinstance(evidence, BrokenLink):
            return evidence
        found = await self._find(evidence)
        if isinstance(found, BrokenLink):
            # The service goes on meanwhile: what it pruned since is no break.
            before, self._retention = self._retention, await self._find_retention()
            if self._retention != before:
                found = await self._find(evidence)
        return found if isinstance(found, BrokenLink) else (found, evidence.record)

    async def _evidence(self, number: int, previous: AuditRecord | None) -> Evidence | BrokenLink:
        async with self._database.read() as connection:
            row = await repository.find_version(connection, number)
            source = await find_version(connection, number)
            if row is None or source is None:
                return BrokenLink(number, "version: it is missing")
            record = read_stored(StoredRecord(row.id, row.record, row.chain))
            if isinstance(record, BrokenLink):
                return record
            broken = check_link(previous, record)
            if broken is not None:
                return broken
            found = None
            if row.round_id is not None:
                found = await repository.find_round(connection, row.round_id)
            return Evidence(row, source, record, found)

    async def _find(self, evidence: Evidence) -> Finding | BrokenLink:
        row, retention = evidence.row, self._retention
        assert retention is not None, "there is a version"
        try:
            rebuilt = await asyncio.to_thread(self._look, evidence, retention)
        except (KeyError, TypeError, ValueError) as error:
            # Digests may agree on what was never a manifest, a plan or a model.
            return evidence.broken(f"unreadable: {type(error).__name__}: {error}")
        if isinstance(rebuilt, BrokenLink):
            return rebuilt
        checked: Literal["checked", "pruned"] | None = None
        if row.kind == "round":
            checked = "checked" if retention.keeps_evidence(row.id) else "pruned"
        return Finding(row.id, row.kind, row.chain, checked, rebuilt)

    def _look(self, evidence: Evidence, retention: Retention) -> Rebuilt | BrokenLink | None:
        broken = check_evidence(self._blobs, evidence, retention)
        first = max(self._replay_from, retention.base)
        if broken is not None or not first <= evidence.row.id <= self._replay_to:
            return broken
        return self._replay.advance(evidence, retention)

    async def _find_retention(self) -> Retention | None:
        async with self._database.read() as connection:
            return await find_retention(connection, self._settings.audit_versions)

    async def _aim_at(self, version: int) -> None:
        """Let replay run from the checkpoint before `version` to it."""
        retention = self._retention
        if retention is None or version > retention.newest or version < 1:
            raise CannotRebuildError(f"there is no version {version}")
        first = version
        while first > retention.base and not await self._begins_at(first, version):
            first -= 1
        if first < retention.base:
            detail = f"the oldest version that can be rebuilt is {retention.base}"
            raise CannotRebuildError(f"version {version} is kept no more: {detail}")
        self._replay_from, self._replay_to = first, version

    async def _begins_at(self, number: int, version: int) -> bool:
        async with self._database.read() as connection:
            row = await repository.find_version(connection, number)
        if row is None:
            return False
        made_by_no_sum = row.kind != "round"
        return made_by_no_sum or (number < version and is_checkpoint(number, row.kind))
