"""The parts of an installation that commands need, and how a command ends that cannot go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from twofold.importing import importing

DataDir = Annotated[
    Path | None,
    typer.Option(help="Where the embedded database, blobs and keys lie (TWOFOLD_DATA_DIR)."),
]


@contextmanager
def part(name: str) -> Iterator[None]:
    """Import a part; a missing library of an extra becomes one line that says what to install."""
    try:
        with importing():
            yield
    except ModuleNotFoundError as error:
        detail = f"this command needs the {name} part ({error}): pip install 'twofold[{name}]'"
        raise refused(RuntimeError(detail)) from None


def refused(error: Exception) -> typer.Exit:
    """One line that says why, and exit code 2."""
    typer.echo(f"twofold: {error}", err=True)
    return typer.Exit(2)
