"""Hundreds of worlds without a violation, every case met, and every planted bug found."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.simulation.campaign import (
    Figures,
    failure_of,
    run_seeds,
    shrink,
    shrink_failure,
)
from tests.simulation.coverage import Coverage
from tests.simulation.operations import Operation
from tests.simulation.planted import PLANTED
from tests.simulation.reproduction import save_failures, write_reproduction
from tests.simulation.world import World, world_of

SEEDS = int(os.environ.get("TWOFOLD_SEEDS", "500"))
# Fewer worlds cannot be expected to meet the rarest cases.
SEEDS_FOR_COVERAGE = 500
SEEDS_FOR_A_BUG = 1000


@pytest.fixture(scope="module")
def figures() -> Figures:
    return run_seeds(range(SEEDS))


def test_no_world_breaks_an_invariant(figures: Figures, tmp_path: Path) -> None:
    saved = save_failures(tmp_path, figures.failures)
    assert not figures.failures, f"seeds went wrong, kept in {saved}: {figures.failures[:5]}"
    assert figures.seeds == SEEDS
    assert figures.versions > SEEDS
    assert figures.acknowledged > figures.versions


def test_every_case_was_met(figures: Figures) -> None:
    if SEEDS < SEEDS_FOR_COVERAGE:
        pytest.skip(f"asked of {SEEDS_FOR_COVERAGE} seeds and more")
    assert figures.coverage.missing() == []


def test_an_empty_run_has_met_nothing() -> None:
    missing = Coverage().missing()
    assert "crash point: upload_before_commit" in missing
    assert "refusal: stale_update" in missing
    assert "wait: resting" in missing
    assert "transition: gating --GatePassed--> published" in missing


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    parts, invariants = PLANTED[bug]
    for seed in range(SEEDS_FOR_A_BUG):
        world, operations = world_of(seed, parts)
        what = failure_of(world, operations)
        if what is not None:
            assert what.split(":")[0] in invariants, f"seed {seed}: {what}"
            return
    pytest.fail(f"not found within {SEEDS_FOR_A_BUG} seeds")


@pytest.mark.parametrize("seed", [2, 3])
def test_one_seed_is_one_world(seed: int) -> None:
    hashes = set()
    for _ in range(2):
        world, operations = world_of(seed)
        assert failure_of(world, operations) is None
        hashes.add(world.disk.state_hash())
    other, operations = world_of(seed + 2)
    assert failure_of(other, operations) is None
    assert len(hashes | {other.disk.state_hash()}) == 2


def test_shrinking_keeps_what_the_failure_needs() -> None:
    operations = [Operation("elapse", i) for i in range(40)]
    needed = {operations[3], operations[31]}
    assert shrink(operations, lambda kept: needed <= set(kept)) == [operations[3], operations[31]]


def test_a_failed_world_is_kept_as_a_short_test(tmp_path: Path) -> None:
    parts, _ = PLANTED["acknowledge before commit"]
    world, operations = world_of(0, parts)
    what = failure_of(world, operations)
    assert what is not None
    shrunk = shrink_failure(world.profile, operations, parts)
    assert len(shrunk) < 30
    path = write_reproduction(tmp_path, 0, what, world.profile, shrunk)
    kept = SimpleNamespace(**_run(path))
    assert shrunk == kept.OPERATIONS
    again = failure_of(World(kept.PROFILE, parts), kept.OPERATIONS)
    assert again is not None
    assert again.startswith("I1:")
    kept.test_seed_0()  # without the bug it holds


def _run(path: Path) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names
