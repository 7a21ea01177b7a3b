"""`twofold device ...`: one device on the command line."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clients.python.device import Device
from clients.python.durable_files import CorruptedStateError
from clients.python.model_sync import Synced
from clients.python.outcomes import Accepted, Declined, Dropped, Ended, Failed, Outcome, Waits
from clients.python.problems import NotEnrolledError, ServiceProblem

device_app = typer.Typer(
    help="One device: its history and user tower stay in a folder of yours.",
    no_args_is_help=True,
)
console = Console()

Folder = Annotated[Path, typer.Argument(help="The device's folder.")]


@device_app.command()
def enrol(
    folder: Folder,
    url: Annotated[str, typer.Argument(help="Address of the service.")],
    code: Annotated[str, typer.Argument(help="Enrolment code of the user.")],
) -> None:
    """Make a key in FOLDER and enrol it with a code."""
    try:
        with Device.enrol(folder, url, code) as device:
            identity = device.identity
    except (ServiceProblem, CorruptedStateError, ValueError) as error:
        raise _end(error) from error
    console.print(f"Device {identity.device_id} of user {identity.user_id} is enrolled.")


@device_app.command()
def record(
    folder: Folder,
    item_id: Annotated[str, typer.Argument(help="Id of the item.")],
    type: Annotated[str, typer.Argument(help="What was done with it.")] = "view",
    at: Annotated[float | None, typer.Option(help="Unix seconds; now if left out.")] = None,
) -> None:
    """Keep one event. It stays in FOLDER."""
    with _open(folder) as device:
        try:
            device.record(item_id, type, time.time() if at is None else at)
        except (ValueError, CorruptedStateError) as error:
            raise _end(error) from error
        console.print(f"{len(device.events)} events are kept in {folder}.")


@device_app.command()
def run(
    folder: Folder,
    once: Annotated[bool, typer.Option("--once", help="Make one attempt, then end.")] = False,
) -> None:
    """Take part in rounds, wait when told to, and adapt to new versions and events."""
    with _open(folder) as device:
        try:
            if once:
                _show(device.take_part())
            else:
                device.run(on_outcome=_show)
        except CorruptedStateError as error:
            raise _end(error) from error
        except KeyboardInterrupt:
            console.print("Stopped. An update that was not acknowledged goes out next time.")


@device_app.command()
def recommend(
    folder: Folder,
    k: Annotated[int, typer.Option("--limit", "-k", min=1, help="Most items.")] = 10,
    offline: Annotated[bool, typer.Option(help="Rank with what is here.")] = False,
) -> None:
    """Rank the catalogue on this device, and say why."""
    with _open(folder) as device:
        try:
            _refresh(device, offline)
            found = device.recommend(k)
        except CorruptedStateError as error:
            raise _end(error) from error
        if not found:
            console.print("There is no model here yet.")
            return
        table = Table("item", "score", "because of")
        for entry in found:
            reasons = ", ".join(f"{item} ({share:+.2f})" for item, share in entry.because)
            # Text: ids may hold brackets, which would read as markup
            table.add_row(Text(entry.item_id), f"{entry.score:.3f}", Text(reasons))
        console.print(table)


def _refresh(device: Device, offline: bool) -> None:
    synced = None if offline else device.sync()
    if isinstance(synced, Synced):
        device.adapt()
    elif synced is not None:
        console.print(f"Not refreshed: {synced.reason}: {synced.detail}")


def _open(folder: Path) -> Device:
    try:
        return Device.open(folder)
    except (NotEnrolledError, CorruptedStateError, PermissionError) as error:
        raise _end(error) from error


def _end(error: Exception) -> typer.Exit:
    console.print(str(error), markup=False)
    return typer.Exit(1)


def _show(outcome: Outcome) -> None:
    console.print(_words(outcome), markup=False)


def _words(outcome: Outcome) -> str:
    """One line for one attempt."""
    wait_s = max(0.0, outcome.until - time.time())
    match outcome:
        case Waits():
            return f"Nothing to do for {wait_s:.0f} s."
        case Accepted(receipt=receipt):
            return f"Round {receipt.round}: update acknowledged at {receipt.accepted_at}."
        case Declined() | Dropped() | Failed():
            kind = type(outcome).__name__
            return f"{kind}: {outcome.reason}: {outcome.detail} Again in {wait_s:.0f} s."
        case Ended():
            return f"Ended: {outcome.reason}: {outcome.detail}"
