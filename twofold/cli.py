"""The `twofold` command. What a command needs is imported when it runs, so that help is quick."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twofold.audit_commands import audit_app
from twofold.house import install_service
from twofold.parts import DataDir, part, refused

if TYPE_CHECKING:
    from app.settings import Settings

app = typer.Typer(
    name="twofold",
    help="A federated recommender service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(audit_app, name="audit")


def main() -> None:
    """Entry of the command and of `python -m twofold`."""
    install_service()
    add_groups()
    app()


def add_groups() -> None:
    """The commands of clients, once their packages can be imported."""
    from clients.python.commands import device_app
    from clients.python.operator_commands import orders_app, rounds_app, versions_app

    groups = {"rounds": rounds_app, "orders": orders_app, "versions": versions_app}
    for name, group in {"device": device_app, **groups}.items():
        app.add_typer(group, name=name)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    data_dir: DataDir = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="API worker processes.")] = 1,
    coordinator: Annotated[
        bool, typer.Option("--coordinator/--no-coordinator", help="Run the coordinator as a child.")
    ] = True,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Serve HTTPS with this certificate chain (PEM).")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Its key, if that is another file (PEM).")
    ] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="Only let in clients with a certificate of this authority.")
    ] = None,
) -> None:
    """Serve the API, with embedded stores unless the settings name others."""
    with part("server"):
        from twofold import serving
        from twofold.start_checks import StartRefusedError, read_settings
        from twofold.tls import TlsFiles

    try:
        settings = read_settings(data_dir)
        tls = TlsFiles(tls_cert, tls_key, tls_client_ca)
        serving.serve(settings, serving.ServeOptions(host, port, workers, coordinator, tls))
    except StartRefusedError as error:
        raise refused(error) from None


@app.command()
def coordinate(data_dir: DataDir = None) -> None:
    """Run the coordinator alone: it opens, closes and publishes rounds."""
    _follow_supervisor()
    with part("server"):
        from app.coordinator.process import coordinate as run

    _run_beside(run, data_dir)


@app.command(name="reduce")
def reduce_rounds(data_dir: DataDir = None) -> None:
    """Run a reducer: it sums parts of closed rounds beside the coordinator and other reducers."""
    _follow_supervisor()
    with part("server"):
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
    from twofold.worker_names import bear_name

    try:
        settings = read_settings(data_dir)
        # One name for all workers: none of them lives beside another.
        name = bear_name(settings.data_dir, run.__name__)
        become_worker()
        asyncio.run(serving.check_database(settings))
        asyncio.run(run(settings, serving.redis_url(settings), name))
    except StartRefusedError as error:
        raise refused(error) from None


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema."""
    with part("server"):
        from twofold import serving
        from twofold.start_checks import StartRefusedError, read_settings

    try:
        asyncio.run(serving.migrate_database(read_settings(data_dir)))
    except StartRefusedError as error:
        raise refused(error) from None
    typer.echo("The database is at the newest schema.")


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

    with part("server"):
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
        raise refused(error) from None


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

    with part("evaluation"):
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
        raise refused(error) from None
    try:
        run(prepared, console)
    except CannotWrite as error:
        raise refused(error) from None


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

    with part("server"):
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
        raise refused(error) from None
    if not report.holds:
        raise typer.Exit(1)
