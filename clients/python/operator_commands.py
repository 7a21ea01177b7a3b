"""`twofold rounds`, `twofold orders` and `twofold versions`: an operator at a running service.

What a command needs is imported when it runs, so that help is quick.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from clients.python.service_client import ServiceClient

KEY_FILE = "server-key"

rounds_app = typer.Typer(help="Rounds: list, order, start, hold, end.", no_args_is_help=True)
orders_app = typer.Typer(help="Orders of rounds.", no_args_is_help=True)
versions_app = typer.Typer(help="Model versions, and the way back.", no_args_is_help=True)

Url = Annotated[str, typer.Option(envvar="TWOFOLD_URL", help="Address of the service.")]
ServerKey = Annotated[
    str | None,
    typer.Option(
        envvar="TWOFOLD_SERVER_KEY",
        show_envvar=True,
        help="A server key; the one in the data folder if left out.",
    ),
]
DataDir = Annotated[
    Path, typer.Option(envvar="TWOFOLD_DATA_DIR", help="Where the service keeps its own keys.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Most lines, newest first.")]
RoundId = Annotated[int, typer.Argument(min=1, help="Number of the round.")]
Version = Annotated[int, typer.Argument(min=1, help="Number of the version.")]
Reason = Annotated[str, typer.Option(help="Why: a code in snake_case.")]
Key = Annotated[
    str | None, typer.Option("--idempotency-key", help="Repeating it orders nothing twice.")
]

HERE = "http://127.0.0.1:8000"
FOLDER = Path(".twofold")

ROUND_COLUMNS = ("id", "phase", "reason", "model_version", "published_version", "accepted")
ORDER_COLUMNS = ("id", "status", "round", "start", "retry_of", "created_at")
VERSION_COLUMNS = ("version", "kind", "round", "standing", "published_at", "live_at")


@rounds_app.command("list")
def list_rounds(
    limit: Limit = 20, url: Url = HERE, server_key: ServerKey = None, data_dir: DataDir = FOLDER
) -> None:
    """Rounds, newest first."""
    with _operator(url, server_key, data_dir) as client:
        _table(ROUND_COLUMNS, client.rounds(limit))


@rounds_app.command("show")
def show_round(
    round_id: RoundId, url: Url = HERE, server_key: ServerKey = None, data_dir: DataDir = FOLDER
) -> None:
    """All that is known of one round, as JSON."""
    with _operator(url, server_key, data_dir) as client:
        _json(client.round(round_id))


@rounds_app.command()
def create(
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=NUMBER", help="What differs, repeatable."),
    ] = None,
    start: Annotated[
        bool, typer.Option("--start/--no-start", help="Or have it wait, scheduled.")
    ] = True,
    idempotency_key: Key = None,
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """Order a round; the coordinator opens it when its turn comes."""
    with _operator(url, server_key, data_dir) as client:
        order = client.order_round(_numbers(settings or []), start, idempotency_key)
        _ordered(order)


@rounds_app.command()
def start(
    round_id: RoundId, url: Url = HERE, server_key: ServerKey = None, data_dir: DataDir = FOLDER
) -> None:
    """Start a scheduled round."""
    with _operator(url, server_key, data_dir) as client:
        _moved(client.start_round(round_id))


@rounds_app.command()
def pause(
    round_id: RoundId,
    reason: Reason = "operator",
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """Hold a round; updates of devices that have a lease are still accepted."""
    with _operator(url, server_key, data_dir) as client:
        _moved(client.pause_round(round_id, reason))


@rounds_app.command()
def resume(
    round_id: RoundId,
    reason: Reason = "operator",
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """Let a round go on."""
    with _operator(url, server_key, data_dir) as client:
        _moved(client.resume_round(round_id, reason))


@rounds_app.command()
def abandon(
    round_id: RoundId,
    reason: Reason = "operator",
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """End a round without a version; its updates are discarded."""
    with _operator(url, server_key, data_dir) as client:
        _moved(client.abandon_round(round_id, reason))


@rounds_app.command()
def retry(
    round_id: RoundId, url: Url = HERE, server_key: ServerKey = None, data_dir: DataDir = FOLDER
) -> None:
    """Order an abandoned round once more, with its settings."""
    with _operator(url, server_key, data_dir) as client:
        _ordered(client.retry_round(round_id))


@orders_app.command("list")
def list_orders(
    limit: Limit = 20, url: Url = HERE, server_key: ServerKey = None, data_dir: DataDir = FOLDER
) -> None:
    """Orders of rounds, newest first."""
    with _operator(url, server_key, data_dir) as client:
        _table(ORDER_COLUMNS, client.round_orders(limit))


@orders_app.command("show")
def show_order(
    order_id: Annotated[int, typer.Argument(min=1, help="Number of the order.")],
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """All that is known of one order, as JSON."""
    with _operator(url, server_key, data_dir) as client:
        _json(client.round_order(order_id))


@versions_app.command("list")
def list_versions(
    limit: Limit = 20, url: Url = HERE, server_key: ServerKey = None, data_dir: DataDir = FOLDER
) -> None:
    """Model versions, newest first."""
    with _operator(url, server_key, data_dir) as client:
        _table(VERSION_COLUMNS, client.versions(limit))


@versions_app.command()
def rollback(
    version: Version,
    item: Annotated[
        str | None, typer.Option(help="Take this item's row back, and leave the rest.")
    ] = None,
    idempotency_key: Key = None,
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """Order that an earlier version's rows serve again."""
    with _operator(url, server_key, data_dir) as client:
        if item is None:
            order = client.roll_back(version, idempotency_key)
        else:
            order = client.roll_back_row(item, version, idempotency_key)
    _say(f"Order {order['id']} is {order['state']}: `twofold versions order` tells how it ends.")


@versions_app.command("order")
def show_rollback(
    order_id: Annotated[str, typer.Argument(help="Id of the order.")],
    url: Url = HERE,
    server_key: ServerKey = None,
    data_dir: DataDir = FOLDER,
) -> None:
    """What became of an order to go back, as JSON."""
    with _operator(url, server_key, data_dir) as client:
        _json(client.rollback_order(order_id))


@contextmanager
def _operator(url: str, server_key: str | None, data_dir: Path) -> "Iterator[ServiceClient]":
    """A client with the operator's key; what the service refuses ends the command in one line."""
    from clients.python.problems import ServiceProblem
    from clients.python.service_client import ServiceClient

    try:
        with ServiceClient(url, server_key or _key_in(data_dir)) as client:
            yield client
    except ServiceProblem as problem:
        wrong = "; ".join(f"{field}: {message}" for field, message in problem.errors)
        raise _end(f"{problem} {wrong}".rstrip()) from problem
    except (OSError, ValueError) as error:
        raise _end(str(error)) from error


def _key_in(data_dir: Path) -> str:
    try:
        return (data_dir / KEY_FILE).read_text().strip()
    except FileNotFoundError:
        said = f"no server key: set TWOFOLD_SERVER_KEY, or name the folder that has {KEY_FILE}"
        raise ValueError(said) from None


def _numbers(pairs: Sequence[str]) -> dict[str, float]:
    """The settings of "NAME=NUMBER". Raises: ValueError."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            found[name] = int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            raise ValueError(f"{pair!r}: must be NAME=NUMBER") from None
    return found


def _ordered(order: Mapping[str, Any]) -> None:
    became = f"became round {order['round']}" if order["round"] else f"is {order['status']}"
    _say(f"Order {order['id']} {became}.")


def _moved(found: Mapping[str, Any]) -> None:
    why = f": {found['reason']}" if found["reason"] else ""
    _say(f"Round {found['id']} is {found['phase']}{why}.")


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(*(name.replace("_", " ") for name in columns))
    for row in rows:
        # Text: what a service said may hold brackets, which would read as markup
        table.add_row(*(Text("" if row[name] is None else str(row[name])) for name in columns))
    Console(highlight=False).print(table)


def _json(found: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(found, indent=2))


def _say(line: str) -> None:
    typer.echo(line)


def _end(said: str) -> typer.Exit:
    typer.echo(f"twofold: {said}", err=True)
    return typer.Exit(1)
