"""`twofold device ...`: one device on the command line.

What a command needs is imported when it runs, so that help is quick and the BLAS library reads the
environment that is set here.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from clients.python.device import Device
    from clients.python.outcomes import Outcome
    from clients.python.personal_ranking import Recommendation
    from clients.python.receipt_audit import DeviceAudit

device_app = typer.Typer(
    help="One device: its history and user tower stay in a folder of yours.",
    no_args_is_help=True,
)
console = Console(highlight=False)

Folder = Annotated[Path, typer.Argument(help="The device's folder.")]


@device_app.callback()
def prepare() -> None:
    """One device: its history and user tower stay in a folder of yours."""
    # The matrices of one device are small: more threads would only cost more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@device_app.command()
def enrol(
    folder: Folder,
    url: Annotated[str, typer.Argument(help="Address of the service.")],
    code: Annotated[str, typer.Argument(help="Enrolment code of the user.")],
    approval: Annotated[
        str | None, typer.Option(help="What `approve` on another device of the user printed.")
    ] = None,
) -> None:
    """Make a key in FOLDER and enrol it with a code."""
    from clients.python.device import Device
    from clients.python.durable_files import CorruptedStateError
    from clients.python.problems import ServiceProblem

    try:
        with Device.enrol(folder, url, code, approval=approval) as device:
            identity = device.identity
    except (ServiceProblem, CorruptedStateError, OSError, ValueError) as error:
        if isinstance(error, ServiceProblem) and error.reason == "approval_required":
            asked = f"twofold device approve FOLDER {code} {_thumbprint(folder)}"
            typer.echo(f"On a device that is enrolled: {asked}", err=True)
        raise _end(error) from error
    _say(f"Device {identity.device_id} of user {identity.user_id} is enrolled.")


@device_app.command()
def approve(
    folder: Folder,
    code: Annotated[str, typer.Argument(help="Code that the other device enrols with.")],
    thumbprint: Annotated[str, typer.Argument(help="Of its key, as it was told when it tried.")],
) -> None:
    """Print the approval by which another device of this user may enrol."""
    from clients.python.durable_files import CorruptedStateError

    with _open(folder) as device:
        try:
            approval = device.approve(code, thumbprint)
        except (ValueError, CorruptedStateError, OSError) as error:
            raise _end(error) from error
    _say(approval)


@device_app.command()
def record(
    folder: Folder,
    item_id: Annotated[str, typer.Argument(help="Id of the item.")],
    type: Annotated[str, typer.Argument(help="What was done with it.")] = "view",
    at: Annotated[float | None, typer.Option(help="Unix seconds; now if left out.")] = None,
) -> None:
    """Keep one event. It stays in FOLDER."""
    from clients.python.durable_files import CorruptedStateError

    with _open(folder) as device:
        try:
            device.record(item_id, type, time.time() if at is None else at)
            n_events = len(device.events)
        except (ValueError, CorruptedStateError) as error:
            raise _end(error) from error
    _say(f"{n_events} events are kept in {folder}.")


@device_app.command()
def run(
    folder: Folder,
    once: Annotated[bool, typer.Option("--once", help="Make one attempt, then end.")] = False,
) -> None:
    """Take part in rounds, wait when told to, and adapt to new versions and events."""
    from clients.python.durable_files import CorruptedStateError

    with _open(folder) as device:
        try:
            if once:
                _show(device.take_part())
            else:
                device.run(on_outcome=_show)
        except CorruptedStateError as error:
            raise _end(error) from error
        except KeyboardInterrupt:
            _say("Stopped. An update that was not acknowledged goes out next time.")


@device_app.command()
def recommend(
    folder: Folder,
    k: Annotated[int, typer.Option("--limit", "-k", min=1, help="Most items.")] = 10,
    offline: Annotated[bool, typer.Option(help="Rank with what is here.")] = False,
) -> None:
    """Rank the catalogue on this device, and say why."""
    from clients.python.durable_files import CorruptedStateError

    with _open(folder) as device:
        try:
            if not offline:
                _refresh(device)
            found = device.recommend(k)
        except CorruptedStateError as error:
            raise _end(error) from error
    if found:
        console.print(_table(found))
    else:
        _say("There is no model here yet.")


@device_app.command()
def receipts(folder: Folder) -> None:
    """Prove what became of each update by its receipt, and check the audit chain."""
    from clients.python.durable_files import CorruptedStateError
    from clients.python.receipt_audit import DeviceAudit

    with _open(folder) as device:
        try:
            audit = device.audit()
        except CorruptedStateError as error:
            raise _end(error) from error
    if not isinstance(audit, DeviceAudit):
        raise _end(ValueError(f"{audit.reason}: {audit.detail}"))
    if audit.standings:
        console.print(_standings(audit))
    if audit.head is not None:
        _say(f"The chain of {audit.head[0]} versions holds. Head: {audit.head[1]}")
    if not audit.holds:
        raise _end(ValueError("a proof does not hold"))


def _standings(audit: "DeviceAudit") -> Table:
    table = Table("round", "accepted at", "mode", "outcome")
    for one in audit.standings:
        words = f"{one.outcome}: {one.why}" if one.why else one.outcome
        if one.version is not None:
            place = f"as {one.leaf_index + 1} of {one.tree_size}"
            words = f"counted once in version {one.version}, {place}"
        claims = one.claims
        # Text: what a service said may hold brackets, which would read as markup
        row = (str(claims.round), claims.accepted_at, claims.mode, words)
        table.add_row(*(Text(cell) for cell in row))
    return table


def _refresh(device: "Device") -> None:
    from clients.python.model_sync import Synced

    synced = device.sync()
    if isinstance(synced, Synced):
        device.adapt()
    else:
        _say(f"Not refreshed: {synced.reason}: {synced.detail}")


def _table(found: "list[Recommendation]") -> Table:
    table = Table("item", "score", "because of")
    for entry in found:
        reasons = ", ".join(f"{item} ({share:+.2f})" for item, share in entry.because)
        # Text: ids may hold brackets, which would read as markup
        table.add_row(Text(entry.item_id), f"{entry.score:.3f}", Text(reasons))
    return table


def _thumbprint(folder: Path) -> str:
    from clients.python.state import DeviceFolder

    return DeviceFolder(folder).open_key().thumbprint


def _open(folder: Path) -> "Device":
    from clients.python.device import Device
    from clients.python.durable_files import CorruptedStateError
    from clients.python.problems import NotEnrolledError

    try:
        return Device.open(folder)
    except (NotEnrolledError, CorruptedStateError, OSError) as error:
        raise _end(error) from error


def _end(error: Exception) -> typer.Exit:
    typer.echo(f"twofold: {error}", err=True)
    return typer.Exit(1)


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


def _show(outcome: "Outcome") -> None:
    _say(_words(outcome))


def _words(outcome: "Outcome") -> str:
    """One line for one attempt."""
    from clients.python.outcomes import Accepted, Ended, Waits

    wait_s = max(0.0, outcome.until - time.time())
    if isinstance(outcome, Waits):
        return f"Nothing to do for {wait_s:.0f} s."
    if isinstance(outcome, Accepted):
        receipt = outcome.receipt
        return f"Round {receipt.round}: update acknowledged at {receipt.accepted_at}."
    if isinstance(outcome, Ended):
        return f"Ended: {outcome.reason}: {outcome.detail}"
    kind = type(outcome).__name__
    return f"{kind}: {outcome.reason}: {outcome.detail} Again in {wait_s:.0f} s."
