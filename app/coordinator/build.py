"""What a version's bytes depend on beside its record: the library that computed it, and how."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from federation.strict_fields import Scalar


def present_build() -> dict[str, int | str]:
    """torch: its build; threads: of one operation; cpu: the instruction set that torch picked."""
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
    }


@contextmanager
def threads_of(build: Mapping[str, Scalar] | None) -> Iterator[None]:
    """Compute with as many threads as a build says that it had, if it says so."""
    before, recorded = torch.get_num_threads(), (build or {}).get("threads")
    torch.set_num_threads(recorded if isinstance(recorded, int) and recorded > 0 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
