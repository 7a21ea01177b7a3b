"""A disk of its own that a test may fill: a small tmpfs, where the machine permits to mount one."""

import errno
import os
import subprocess
from pathlib import Path

# Rounds follow each other in half a second here, and models are kept for thirty: room for those.
SIZE_MIB = 512


class SmallDisk:
    """A folder; `why_not` says why it cannot be filled, None if it can."""

    def __init__(self, folder: Path, size_mib: int = SIZE_MIB) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            self.why_not: str | None = "no `mount` on this machine"
        else:
            refused = "a small file system may not be mounted here (it takes root)"
            self.why_not = refused if done.returncode else None

    def fill(self) -> None:
        """Leave no byte free; what is freed since the last call goes as well."""
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 20, 1 << 12, 1):
                self._write_all(descriptor, b"\0" * size)
        finally:
            os.close(descriptor)

    def _write_all(self, descriptor: int, chunk: bytes) -> None:
        try:
            while os.write(descriptor, chunk):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)

    def remove(self) -> None:
        """Take the disk away once nobody uses it any more."""
        if self.why_not is None:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
