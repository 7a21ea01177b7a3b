"""What a device's process loads: no server, no training framework."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = ("torch", "fastapi", "starlette", "sqlalchemy", "uvicorn", "redis", "pydantic", "app")


@pytest.mark.parametrize(
    "module",
    [
        "clients.python.device",
        "clients.python.fleet",
        "clients.python.service_client",
        "clients.python.commands",
    ],
)
def test_a_device_loads_no_server(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tops = {name.split(".")[0] for name in ran.stdout.split()}
    assert not tops & set(FOREIGN)


def test_the_commands_load_no_numpy_before_they_run() -> None:
    code = "import sys, clients.python.commands; print('numpy' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
