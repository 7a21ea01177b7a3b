"""One plan against one trace: a fresh copy of the ground, the days, and the books at the end."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from app.settings import RoundSettings
from evaluation.drill.bodies import Updates
from evaluation.drill.books import Books, breaches, read_books
from evaluation.drill.enrolment import START, Ground
from evaluation.drill.service import (
    DrilledCoordinator,
    Model,
    SeededIds,
    Serve,
    VirtualClock,
    drill_settings,
    in_process,
)
from evaluation.drill.trace import Happening, Trace
from evaluation.drill.visit import Surroundings
from evaluation.drill.world import World


@dataclass(frozen=True)
class Rehearsal:
    """What came of it. broken: the invariants that do not hold, in words."""

    happenings: tuple[Happening, ...]
    books: Books
    broken: tuple[str, ...]

    @property
    def version_digests(self) -> list[tuple[int, str, str]]:
        """(version, manifest digest, chain digest), oldest first: equal runs have equal ones."""
        versions = self.books.versions
        return [(one["version"], one["manifest_digest"], one["chain"]) for one in versions]

    @property
    def head(self) -> tuple[int, str]:
        """Number and chain digest of the newest version; the digest fixes all before it."""
        version, _, chain = self.version_digests[-1]
        return version, chain


@dataclass(frozen=True)
class Stage:
    """What all plans of a drill share. serve: in process, or over TCP."""

    trace: Trace
    ground: Ground
    model: Model
    updates: Updates
    redis_url: str
    serve: Serve = in_process


async def rehearse(
    stage: Stage, rounds: RoundSettings, folder: Path, progress: Callable[[float], None]
) -> Rehearsal:
    """Live through the trace with these settings of rounds. folder: must not exist; is kept."""
    shutil.copytree(stage.ground.folder, folder)
    await _forget_all(stage.redis_url)
    settings = drill_settings(folder, stage.model, rounds)
    clock, seed = VirtualClock(START), stage.trace.seed
    ids = SeededIds(seed, "days")
    coordinator = DrilledCoordinator(settings, stage.redis_url, clock, seed)
    try:
        await coordinator.open()
        async with stage.serve(settings, stage.redis_url, clock, ids) as transport:
            around = Surroundings(clock, stage.updates)
            people = stage.ground.identities
            world = World(
                stage.trace, people, around, clock, transport, coordinator, rounds.pause_s
            )
            await world.run(progress)
            books = await read_books(world, transport, coordinator)
    finally:
        await coordinator.close()
    happenings = tuple(world.happenings)
    return Rehearsal(happenings, books, tuple(breaches(happenings, books)))


async def _forget_all(redis_url: str) -> None:
    """Empty the drill's own cache: what a plan before left there is of another service."""
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
