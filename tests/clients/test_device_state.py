"""The device's folder: every file comes back, a damaged one is named, crashes leave no half."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from clients.python.durable_files import CorruptedStateError, make_private_folder, replace_file
from clients.python.participation_ledger import ParticipationLedger, TakenPart
from clients.python.state import DeviceFolder, Identity, PendingUpload, Schedule, StoredTower
from federation.canonical import digest
from recsys.user_tower import UserTower

ROOT = Path(__file__).parents[2]
BODY = bytes(range(256)) * 5 + b"\n{}\n"
PENDING = PendingUpload("a/1", 3, "http://h/v1/updates/a", digest(BODY), BODY, "signature")
TOWER = StoredTower(
    UserTower(np.arange(4, dtype=np.float32), np.zeros(2, np.float32), np.ones(3, np.float32)), 9, 5
)


LEDGER = ParticipationLedger(2, (TakenPart("a/1", 3, is_final=True), TakenPart("b", 7)))


def fill(folder: DeviceFolder) -> None:
    folder.save_identity(Identity("http://h", "dev", "üser/1"))
    folder.save_schedule(Schedule(20.0, 10.0, 2))
    folder.save_pending(PENDING)
    folder.save_tower(TOWER)
    folder.save_participations(LEDGER)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("identity.json", DeviceFolder.identity),
        ("schedule.json", DeviceFolder.schedule),
        ("pending.update", DeviceFolder.pending),
        ("tower.safetensors", DeviceFolder.tower),
        ("participations.json", DeviceFolder.participations),
    ],
)
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "other"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, read: object, damage: str) -> None:
    folder = DeviceFolder(tmp_path)
    fill(folder)
    body = (tmp_path / name).read_bytes()
    damaged = {"empty": b"", "cut": body[:-1], "garbage": b"\xff" * 40, "other": b'{"a": 1}'}
    (tmp_path / name).write_bytes(damaged[damage])
    with pytest.raises(CorruptedStateError, match=f"{name} is damaged") as found:
        read(folder)  # type: ignore[operator]
    assert found.value.path == tmp_path / name


def test_a_pending_update_with_one_wrong_byte_is_not_sent(tmp_path: Path) -> None:
    folder = DeviceFolder(tmp_path)
    folder.save_pending(PENDING)
    body = bytearray((tmp_path / "pending.update").read_bytes())
    body[-10] ^= 1
    (tmp_path / "pending.update").write_bytes(bytes(body))
    with pytest.raises(CorruptedStateError, match="not those of its digest"):
        folder.pending()


def test_a_tower_that_is_not_finite_is_not_used(tmp_path: Path) -> None:
    folder = DeviceFolder(tmp_path)
    bad = UserTower(
        np.full(4, np.nan, np.float32), np.zeros(2, np.float32), np.zeros(3, np.float32)
    )
    folder.save_tower(StoredTower(bad, 1, 1))
    with pytest.raises(CorruptedStateError, match="not finite"):
        folder.tower()


def test_the_key_of_an_enrolled_device_is_missed(tmp_path: Path) -> None:
    with pytest.raises(CorruptedStateError, match=r"key\.pem is damaged: it is gone"):
        DeviceFolder(tmp_path).open_key()


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    folder = DeviceFolder(tmp_path / "new")
    assert folder.identity() is None
    assert folder.pending() is None
    assert folder.tower() is None
    assert folder.schedule() == Schedule()
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_everything_comes_back(tmp_path: Path) -> None:
    fill(DeviceFolder(tmp_path))
    folder = DeviceFolder(tmp_path)
    assert folder.identity() == Identity("http://h", "dev", "üser/1")
    assert folder.schedule() == Schedule(20.0, 10.0, 2)
    assert folder.pending() == PENDING
    tower = folder.tower()
    assert tower is not None
    assert (tower.model_version, tower.n_events) == (9, 5)
    np.testing.assert_array_equal(tower.tower.residual, TOWER.tower.residual)
    np.testing.assert_array_equal(tower.tower.log_type_weights, TOWER.tower.log_type_weights)


def test_a_dropped_update_is_gone(tmp_path: Path) -> None:
    folder = DeviceFolder(tmp_path)
    folder.drop_pending()
    folder.save_pending(PENDING)
    folder.drop_pending()
    assert folder.pending() is None


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    fill(DeviceFolder(tmp_path))
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_wait_is_no_longer_than_drawn_when_the_clock_is_set_back() -> None:
    schedule = Schedule(not_before=1000.0, written_at=400.0)
    assert schedule.until(now=500.0) == 1000.0
    assert schedule.until(now=100.0) == 700.0
    assert schedule.until(now=1200.0) == 1000.0


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    with pytest.raises(TypeError):
        replace_file(path, b"new", None)  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_crashed_writers_left_is_cleared_in_time(tmp_path: Path) -> None:
    young, old = tmp_path / ".tmp-young", tmp_path / ".tmp-old"
    young.touch()
    old.touch()
    os.utime(old, (0, 0))
    make_private_folder(tmp_path)
    assert young.exists()
    assert not old.exists()


@pytest.mark.faults
@pytest.mark.parametrize("after_s", [0.05, 0.11, 0.17])
def test_kill_9_leaves_one_of_the_updates_whole(tmp_path: Path, after_s: float) -> None:
    """A process stores one update after another and is killed in the middle of it."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from clients.python.state import DeviceFolder, PendingUpload
        from federation.canonical import digest
        folder = DeviceFolder(Path(sys.argv[1]))
        bodies = [bytes([n]) * 200_000 for n in range(8)]
        print("ready", flush=True)
        while True:
            for n, body in enumerate(bodies):
                one = PendingUpload(str(n), n, "http://h/u", digest(body), body, "signature")
                folder.save_pending(one)
    """)
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    pending = DeviceFolder(tmp_path).pending()
    assert pending is None or pending.body == bytes([pending.round]) * 200_000
