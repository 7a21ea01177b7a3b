"""What a version's bytes depend on beside its record: the library that computed it, and how."""

import platform

import torch


def present_build() -> dict[str, int | str]:
    """torch: its build; threads: of one operation; cpu: the instruction set that torch picked."""
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
    }
