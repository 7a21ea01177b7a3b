"""Names under which workers hold jobs, and which outlive them.

A job belongs to the name that holds it until its lease runs out, unless that name's bearer is known
to be dead. A name lies in a file that its bearer keeps locked; the kernel unlocks it when the last
process that bears it is gone. So who gets the lock may take over the jobs at once.
"""

import fcntl
import itertools
import os
import secrets
from pathlib import Path

FOLDER = "workers"


def bear_name(data_dir: Path, kind: str) -> str:
    """A name that nobody bears now, for as long as this process and those that it forks live.

    Under one data directory as many names come to be as processes of this kind ever ran at once.
    """
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in itertools.count():
        # Never closed: to close it would be to let go of the name.
        descriptor = os.open(
            folder / f"{kind}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return _name_in(descriptor)
    raise AssertionError("numbers do not end")


def _name_in(descriptor: int) -> str:
    name = os.pread(descriptor, 64, 0).decode("ascii", "replace")
    if len(name) != 32:  # new, or its first bearer died over writing it
        name = secrets.token_hex(16)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, name.encode(), 0)
    return name
