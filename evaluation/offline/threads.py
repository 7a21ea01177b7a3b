"""How many threads the matrices of an evaluation get. Imported before numpy, so it imports nothing.

One process trains one model at a time, and the libraries under it read these variables when they
are loaded. Left alone they take every core of the host, also where a container or a batch system
allows two, and wait for each other by spinning, which on a machine with other work costs ten times
the time and makes CPU seconds meaningless.
"""

import os

THREADS_MAX = 4  # more bring nothing for matrices of this size


def set_threads() -> None:
    """Sensible defaults; a variable that the user has set stays as it is.

    OMP_NUM_THREADS (torch, `implicit`): the cores that this process may use, at most THREADS_MAX,
    which sleep while they wait (OMP_WAIT_POLICY). OPENBLAS_NUM_THREADS (numpy, scipy): one, since
    OpenBLAS' threads spin whatever they are told.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(min(usable_cores(), THREADS_MAX)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def threads() -> dict[str, str]:
    """What is set, for the record: figures are equal to the last bit only with as many threads."""
    names = {"OpenMP": "OMP_NUM_THREADS", "OpenBLAS": "OPENBLAS_NUM_THREADS"}
    return {name: os.environ.get(variable, "not set") for name, variable in names.items()}


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
