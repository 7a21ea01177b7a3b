"""`twofold audit verify` as an operator types it, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.settings import Settings
from tests.app.audit_world import publish_rounds
from tests.app.conftest import SECRET
from tests.app.round_world import RoundWorld, small_rounds

ROOT = Path(__file__).parents[2]
# Another instruction set than the machine's best, for torch and for the libraries below it.
PLAIN_CPU = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
}
Verify = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def store() -> str:
    """SQLite alone: what differs between databases is tested in process."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return small_rounds(settings)


@pytest.fixture
async def world(world: RoundWorld) -> RoundWorld:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the coordinator's own process does
    await publish_rounds(world, 2)
    torch.set_num_threads(threads)
    return world


@pytest.fixture
def verify(settings: Settings) -> Verify:
    """Run the command on the test's stores; keyword arguments go into its environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "twofold", "audit", "verify", *arguments]
        given = {"TWOFOLD_DATABASE_URL": settings.database_url, "TWOFOLD_SECRET": SECRET}
        given["TWOFOLD_DATA_DIR"] = str(settings.data_dir)
        return subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | given | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def test_where_no_service_ever_was(verify: Verify, tmp_path: Path) -> None:
    ran = verify(TWOFOLD_DATABASE_URL="", TWOFOLD_DATA_DIR=str(tmp_path / "none"))
    assert ran.returncode == 2
    assert "twofold migrate" in ran.stderr


async def test_a_version_that_is_not_there(world: RoundWorld, verify: Verify) -> None:
    ran = verify("--version", "9")
    assert (ran.returncode, ran.stderr) == (2, "twofold: there is no version 9\n")


async def test_a_break_is_one_line(world: RoundWorld, verify: Verify) -> None:
    world.state["blobs"].put("sums", "round-2", b"forged")
    ran = verify("--no-rebuild")
    assert ran.returncode == 1
    assert ran.stdout.strip() == "Broken at version 3: sum: it is gone, or is none"


async def test_whole_books(world: RoundWorld, verify: Verify) -> None:
    newest = (await world.server.get("/v1/models?limit=1")).json()["data"][0]
    ran = verify("--head", newest["chain"])
    assert ran.returncode == 0, ran.stderr
    assert "rebuilt, byte for byte" in ran.stdout
    assert f"The chain holds. Head: {newest['chain']}" in ran.stdout


async def test_on_another_instruction_set(world: RoundWorld, verify: Verify) -> None:
    ran = verify(**PLAIN_CPU)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "The chain holds" in ran.stdout
