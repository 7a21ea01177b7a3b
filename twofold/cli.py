"""The `twofold` command. What a command needs is imported when it runs, so that help is quick."""

import asyncio
import os
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twofold.house import install_service
from twofold.importing import importing

if TYPE_CHECKING:
    from app.settings import Settings

app = typer.Typer(
    name="twofold",
    help="A federated recommender service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataDir = Annotated[
    Path | None,
    typer.Option(help="Where the embedded database, blobs and keys lie (TWOFOLD_DATA_DIR)."),
]


audit_app = typer.Typer(help="What the versions were made from.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")


def main() -> None:
    """Entry of the command and of `python -m twofold`."""
    install_service()
    from clients.python.commands import device_app

    app.add_typer(device_app, name="device")
    app()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    data_dir: DataDir = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="API worker processes.")] = 1,
    coordinator: Annotated[
        bool, typer.Option("--coordinator/--no-coordinator", help="Run the coordinator as a child.")
    ] = True,
) -> None:
    """Serve the API, with embedded stores unless the settings name others."""
    with _part("server"):
        from twofold import serving
        from twofold.start_checks import StartRefusedError, read_settings

    try:
        settings = read_settings(data_dir)
        serving.serve(settings, serving.ServeOptions(host, port, workers, coordinator))
    except StartRefusedError as error:
        raise _refused(error) from None


@app.command()
def coordinate(data_dir: DataDir = None) -> None:
    """Run the coordinator alone: it opens, closes and publishes rounds."""
    _follow_supervisor()
    with _part("server"):
        from app.coordinator.process import coordinate as run

    _run_beside(run, data_dir)


@app.command(name="reduce")
def reduce_rounds(data_dir: DataDir = None) -> None:
    """Run a reducer: it sums parts of closed rounds beside the coordinator and other reducers."""
    _follow_supervisor()
    with _part("server"):
        from app.coordinator.reducer_process import reduce as run

    _run_beside(run, data_dir)


def _follow_supervisor() -> None:
    # The first thing of all: what the part itself imports takes seconds.
    from twofold.supervision import follow_supervisor

    follow_supervisor()


def _run_beside(
    run: Callable[["Settings", str, str], Coroutine[Any, Any, None]], data_dir: Path | None
) -> None:
    """Run a part of the service over the stores of a service that was started before."""
    from twofold import serving
    from twofold.start_checks import StartRefusedError, read_settings
    from twofold.warm_parent import become_worker

    # One name for all workers: none of them lives beside another.
    name = secrets.token_hex(16)
    try:
        settings = read_settings(data_dir)
        become_worker()
        asyncio.run(serving.check_database(settings))
        asyncio.run(run(settings, serving.redis_url(settings), name))
    except StartRefusedError as error:
        raise _refused(error) from None


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema."""
    with _part("server"):
        from twofold import serving
        from twofold.start_checks import StartRefusedError, read_settings

    try:
        asyncio.run(serving.migrate_database(read_settings(data_dir)))
    except StartRefusedError as error:
        raise _refused(error) from None
    typer.echo("The database is at the newest schema.")


@audit_app.callback()
def audit() -> None:
    """What the versions were made from."""


@audit_app.command()
def verify(
    data_dir: DataDir = None,
    version: Annotated[int | None, typer.Option(min=1, help="Rebuild this version only.")] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild/--no-rebuild", help="Rebuild versions from their sums.")
    ] = True,
    head: Annotated[
        str | None, typer.Option(help="A chain digest noted earlier, which must still be there.")
    ] = None,
) -> None:
    """Check chain and sums, rebuild versions from their records, name the first broken link."""
    from rich.console import Console

    with _part("server"):
        from app.audit.verification import AuditOptions, CannotRebuildError
        from twofold import auditing, serving
        from twofold.start_checks import StartRefusedError, read_settings

    options = AuditOptions(version, rebuild, head)
    try:
        settings = read_settings(data_dir)
        asyncio.run(serving.check_database(settings))
        holds = asyncio.run(auditing.verify(settings, options, Console()))
    except (StartRefusedError, CannotRebuildError) as error:
        raise _refused(error) from None
    if not holds:
        raise typer.Exit(1)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="Real data instead of the sample shop.")] = None,
    data_format: Annotated[
        str, typer.Option("--format", help="Format of --data: movielens or events-csv.")
    ] = "movielens",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to run.")] = 40,
    cohort: Annotated[int, typer.Option(min=1, help="Updates that close a round.")] = 100,
    exit_after: Annotated[bool, typer.Option("--exit", help="End instead of serving.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what was printed to this file.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page.")] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the service's and devices' files here.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample shop and the devices.")] = 7,
) -> None:
    """Run the whole path on one machine: shop, devices, rounds over HTTP, a page."""
    # The devices' matrices are small and the devices are many: they are spread over threads, so
    # each product keeps to one. Read by the BLAS library when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rich.console import Console

    with _part("server"):
        from evaluation.demo.command import DemoOptions, run

    options = DemoOptions(
        data=data,
        format=data_format,
        rounds=rounds,
        cohort=cohort,
        exit=exit_after,
        json=json_file,
        port=port,
        folder=folder,
        seed=seed,
    )
    try:
        run(options, Console())
    except (ValueError, RuntimeError) as error:
        raise _refused(error) from None


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="File or folder of the data.")],
    data_format: Annotated[
        str, typer.Option("--format", help="movielens, sequences, events-csv or beibei.")
    ],
    split: Annotated[
        str, typer.Option(help="What is held out: last, time, unseen-users or cold-items.")
    ] = "last",
    models: Annotated[
        str, typer.Option(help="Names with commas between; also item-knn, sasrec, fedmf, pfedrec.")
    ] = "twofold,popular,ease,ials",
    seeds: Annotated[int, typer.Option(help="How many trainings of each model.")] = 3,
    seed: Annotated[int, typer.Option(help="The first seed, also that of the split.")] = 1,
    positions: Annotated[
        int, typer.Option(help="Last events of each user that are asked, for the split last.")
    ] = 1,
    target: Annotated[
        str | None, typer.Option(help="Event type that is asked for; purchases if there are any.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Most rounds that Twofold trains.")] = None,
    mitigate: Annotated[
        str | None,
        typer.Option(help="Narrow the gap by this grouping: history, taste, or one of the data."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the summary to this file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write report.html, report.md and evaluation.json here.")
    ] = None,
) -> None:
    """Train models on your data, ask all the same questions, and report."""
    from evaluation.offline.threads import set_threads

    set_threads()  # read when numpy is imported, which is next
    from rich.console import Console

    with _part("evaluation"):
        from evaluation.offline.command import prepare, run
        from evaluation.offline.options import EvaluateOptions
        from evaluation.offline.report.files import CannotWrite

    console = Console()
    try:
        options = EvaluateOptions(
            data=data,
            format=data_format,
            split=split,
            models=models,
            seeds=seeds,
            seed=seed,
            positions=positions,
            target=target,
            rounds=rounds,
            mitigate=mitigate,
            json=json_file,
            report=report,
        )
        prepared = prepare(options, console)
    except (ValueError, CannotWrite) as error:
        raise _refused(error) from None
    try:
        run(prepared, console)
    except CannotWrite as error:
        raise _refused(error) from None


@app.command()
def drill(
    axes: Annotated[
        list[str] | None, typer.Argument(help="More of --compare.", metavar="[NAME=A,B]...")
    ] = None,
    devices: Annotated[int, typer.Option(help="Virtual devices.")] = 2_000,
    days: Annotated[float, typer.Option(help="Virtual days.")] = 2.0,
    visits: Annotated[float, typer.Option(help="Visits of a device in a day.")] = 1.0,
    stay: Annotated[float, typer.Option(help="Mean length of a visit, in seconds.")] = 300.0,
    drop_out: Annotated[float, typer.Option(help="Share of visits that end within a lease.")] = 0.1,
    replays: Annotated[
        float, typer.Option(help="Share of visits that send an update again.")
    ] = 0.02,
    liars: Annotated[float, typer.Option(help="Share of devices that send what is wrong.")] = 0.06,
    cohort: Annotated[int | None, typer.Option(help="Updates that close a round.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds that a round may take.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any TWOFOLD_ROUND_ setting; repeatable."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=A,B", help="A plan for each value, all combined; repeatable."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Replay the devices and arrivals of this file.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Write the trace to this file.")] = None,
    dim: Annotated[int, typer.Option(help="Width of the rehearsed model.")] = 8,
    items: Annotated[int, typer.Option(help="Items of the rehearsed shop.")] = 260,
    constant: Annotated[
        bool, typer.Option("--constant", help="Upload one word a device instead of training.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what was printed to this file.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 7,
) -> None:
    """Rehearse settings of rounds: virtual devices, the real service, virtual days.

    The settings that are not named are those of the environment. Ends with 1 when an invariant
    broke.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
    from rich.console import Console

    with _part("server"):
        from evaluation.drill.command import DrillWords, prepare, read_options, run

    words = DrillWords(
        devices=devices,
        days=days,
        visits=visits,
        stay_s=stay,
        drop_out=drop_out,
        replays=replays,
        liars=liars,
        cohort=cohort,
        deadline_s=deadline,
        settings=settings or [],
        axes=[*(compare or []), *(axes or [])],
        trace=trace,
        record=record,
        dim=dim,
        items=items,
        constant=constant,
        json=json_file,
        seed=seed,
    )
    try:
        report = run(prepare(read_options(words)), Console())
    except (ValueError, RuntimeError, OSError) as error:
        raise _refused(error) from None
    if not report.holds:
        raise typer.Exit(1)


@contextmanager
def _part(name: str) -> Iterator[None]:
    """Import a part; a missing library of an extra becomes one line that says what to install."""
    try:
        with importing():
            yield
    except ModuleNotFoundError as error:
        detail = f"this command needs the {name} part ({error}): pip install 'twofold[{name}]'"
        raise _refused(RuntimeError(detail)) from None


def _refused(error: Exception) -> typer.Exit:
    typer.echo(f"twofold: {error}", err=True)
    return typer.Exit(2)
