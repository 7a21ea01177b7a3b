"""Files that survive a crash at any moment: the old content or the new one, never a half."""

import os
import tempfile
import time
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"
# A temporary file this old belongs to no writer that is still at work.
ABANDONED_AFTER_S = 3600.0
PRIVATE_MODE = 0o600


class CorruptedStateError(Exception):
    """A file of the device folder does not hold what the runtime wrote there.

    It names the file; what to do is for whoever owns the device (restore it, or enrol anew).
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is damaged: {why}")
        self.path = path
        self.why = why


def replace_file(path: Path, *parts: bytes) -> None:
    """Put the parts, joined, in the file's place; they are on the disk on return. Mode 0600."""
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the folder's list of names on the disk: a rename counts only then."""
    if os.name == "nt":  # Windows has no handle on a folder, and syncs names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_folder(folder: Path) -> None:
    """Create the folder, readable by its owner alone, and clear what crashed writers left."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
        try:
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER_S:
                left.unlink(missing_ok=True)
        except FileNotFoundError:  # its writer was faster
            continue
