"""Many worlds in one process: run them, count what they reached, and shrink what went wrong."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.simulation.checkers import Violation
from tests.simulation.coverage import Coverage
from tests.simulation.operations import Operation
from tests.simulation.parts import SOUND, Parts
from tests.simulation.profile import Profile
from tests.simulation.world import World, world_of

# Every so many seeds one is run twice, and must end in the same state.
TWICE_EVERY = 100


@dataclass(frozen=True)
class Failure:
    """A world that went wrong. what: the violation, or the exception, in words."""

    seed: int
    what: str


@dataclass
class Figures:
    """What a campaign has done."""

    seeds: int = 0
    steps: int = 0
    versions: int = 0
    acknowledged: int = 0
    failures: list[Failure] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, other: "Figures") -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.versions += other.versions
        self.acknowledged += other.acknowledged
        self.failures += other.failures
        self.coverage.add(other.coverage)


def run_seed(seed: int, figures: Figures, parts: Parts = SOUND) -> None:
    """Run one world, and now and then its twin."""
    world, operations = world_of(seed, parts)
    what = failure_of(world, operations)
    if what is None and seed % TWICE_EVERY == 0:
        twin, _ = world_of(seed, parts)
        failure_of(twin, operations)
        if twin.disk.state_hash() != world.disk.state_hash():
            what = "the same seed ended in another state"
    if what is not None:
        figures.failures.append(Failure(seed, what))
    figures.seeds += 1
    figures.steps += len(operations)
    rounds = world.disk.tables["rounds"].values()
    figures.versions += sum(row.published_version is not None for row in rounds)
    figures.acknowledged += len(world.checkers.receipts)
    figures.coverage.add(world.coverage)


def run_seeds(seeds: Iterable[int], parts: Parts = SOUND, until: float = float("inf")) -> Figures:
    """Run these worlds, or as many as fit before `until` (seconds of the monotonic clock)."""
    figures = Figures()
    for seed in seeds:
        if time.monotonic() >= until:
            break
        run_seed(seed, figures, parts)
    return figures


def failure_of(world: World, operations: Sequence[Operation]) -> str | None:
    """What went wrong in this world, or None. An exception in the core is a failure too."""
    try:
        world.run(operations)
        world.settle()
    except (Violation, AssertionError, ValueError, LookupError, TypeError) as error:
        kind = "" if isinstance(error, Violation) else f"{type(error).__name__}: "
        return f"{kind}{error}"
    return None


def shrink(
    operations: Sequence[Operation], fails: Callable[[Sequence[Operation]], bool]
) -> list[Operation]:
    """A shorter list that still fails: pieces are left out, large ones first (ddmin's way)."""
    kept, size = list(operations), max(1, len(operations) // 2)
    while True:
        start = 0
        while start < len(kept):
            shorter = kept[:start] + kept[start + size :]
            if fails(shorter):
                kept = shorter
            else:
                start += size
        if size == 1:
            return kept
        size //= 2


def shrink_failure(
    profile: Profile, operations: Sequence[Operation], parts: Parts = SOUND
) -> list[Operation]:
    """The operations of a failed world, shrunk while the same invariant stays broken."""
    found = failure_of(World(profile, parts), operations)
    assert found is not None, "shrink what has failed"
    mark = found.split(":")[0]

    def fails(shorter: Sequence[Operation]) -> bool:
        what = failure_of(World(profile, parts), shorter)
        return what is not None and what.split(":")[0] == mark

    return shrink(operations, fails)
