"""Where the results go: a JSON file and the folder of a report, both optional."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from evaluation.offline.report.files import CannotWrite, write_report

FILES = ("report.html", "report.md", "evaluation.json")


@dataclass(frozen=True)
class Outputs:
    """json: a file; report: a folder."""

    json: Path | None = None
    report: Path | None = None

    def check(self) -> None:
        """Find out before hours of training whether the results can be written; makes the folders.

        CannotWrite says which place cannot be written to, and why.
        """
        if self.report is not None:
            _try(self.report, self.report)
        if self.json is None:
            return
        if self.json.is_dir():
            raise CannotWrite(f"cannot write {self.json}: it is a folder")
        if not self.json.exists() or self.json.is_file():  # neither a pipe nor a device
            _try(self.json.parent, self.json)

    def write(self, summary: Mapping[str, Any]) -> None:
        """Write what was asked for. CannotWrite as `check`."""
        if self.json is not None:
            try:
                self.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                raise _cannot(self.json, error) from error
        if self.report is not None:
            write_report(summary, self.report)

    def print(self, console: Console) -> None:
        """Say where everything is."""
        found = [] if self.json is None else [self.json]
        if self.report is not None:
            found += [self.report / name for name in FILES]
        for path in found:
            console.print(Text(f"→ {path}"), soft_wrap=True)


def _try(folder: Path, wanted: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CannotWrite(f"cannot write {wanted}: {folder} is not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot(wanted, error) from error


def _cannot(wanted: Path, error: OSError) -> CannotWrite:
    return CannotWrite(f"cannot write {wanted}: {error.strerror or error}")
