"""Flower in a virtual environment of its own, since it and Twofold ask for different libraries."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.42.0"
FOLDER = Path(".venv-flower")
# Nothing is sent home, nothing is asked for, nothing is installed while a run is timed.
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "PYTHONPATH": "",
}


@dataclass(frozen=True)
class FlowerEnvironment:
    """A virtual environment with flwr in it. folder: absolute."""

    folder: Path

    @classmethod
    def prepare(cls, folder: Path = FOLDER) -> "FlowerEnvironment":
        """Make the environment unless it is there. Raises: subprocess.CalledProcessError."""
        found = cls(folder.resolve())
        if not found.program("flower-superlink").exists():
            subprocess.run([sys.executable, "-m", "venv", str(found.folder)], check=True)
            pip = [str(found.program("python")), "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, f"flwr=={VERSION}"], check=True)
        return found

    def program(self, name: str) -> Path:
        """A command of the environment."""
        return self.folder / "bin" / name

    def variables(self, home: Path) -> dict[str, str]:
        """The environment of its processes. home: where flwr keeps its own files."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **QUIET, "PATH": path, "FLWR_HOME": str(home)}
