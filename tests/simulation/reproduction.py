"""A failed world as a file of Python that anyone can run, read and keep."""

from collections.abc import Sequence
from pathlib import Path

from tests.simulation.campaign import Failure, failure_of, shrink_failure
from tests.simulation.operations import Operation
from tests.simulation.profile import Profile
from tests.simulation.world import world_of

HEADER = '''"""Seed {seed}: {what}"""

from tests.simulation.campaign import failure_of
from tests.simulation.operations import Operation
from tests.simulation.profile import Profile
from tests.simulation.world import World

PROFILE = {profile!r}
OPERATIONS = [
{operations}
]


def test_seed_{seed}() -> None:
    assert failure_of(World(PROFILE), OPERATIONS) is None
'''


def write_reproduction(
    folder: Path, seed: int, what: str, profile: Profile, operations: Sequence[Operation]
) -> Path:
    """Save the world as a test; where it lies. It needs no seed, so that it outlives the dice."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"test_seed_{seed}.py"
    listed = "\n".join(f"    {operation!r}," for operation in operations)
    told = what.replace("\\", "/").replace('"', "'")
    path.write_text(HEADER.format(seed=seed, what=told, profile=profile, operations=listed))
    return path


def save_failures(folder: Path, failures: Sequence[Failure], limit: int = 3) -> list[Path]:
    """Shrink and save the first few failures; where they lie."""
    saved = []
    for failure in failures[:limit]:
        world, operations = world_of(failure.seed)
        if failure_of(world, operations) is not None:
            operations = shrink_failure(world.profile, operations)
        saved.append(
            write_reproduction(folder, failure.seed, failure.what, world.profile, operations)
        )
    return saved
