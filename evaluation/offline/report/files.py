"""The folder of a report: evaluation.json, report.md and report.html."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.offline.report.markdown import report_markdown
from evaluation.offline.report.page import report_page


class CannotWrite(OSError):
    """The folder cannot be made or written to; the message says which and why."""


def write_report(summary: Mapping[str, Any], folder: Path) -> None:
    """Write the three files, each whole or not at all, over those of an earlier evaluation.

    All are made before the first is written. CannotWrite if the folder does not let itself be
    written.
    """
    contents = {
        "evaluation.json": json.dumps(summary, indent=2) + "\n",
        "report.md": report_markdown(summary),
        "report.html": report_page(summary),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write_whole(folder / name, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotWrite(f"cannot write the report into {folder}: {reason}") from error


def _write_whole(path: Path, content: str) -> None:
    """A reader sees the old file or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Ids may hold lone surrogates, which UTF-8 has no bytes for.
        with draft.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
