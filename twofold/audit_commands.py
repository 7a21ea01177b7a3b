"""`twofold audit`: what the versions were made from."""

import asyncio
from typing import Annotated

import typer

from twofold.parts import DataDir, part, refused

audit_app = typer.Typer(help="What the versions were made from.", no_args_is_help=True)


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

    with part("server"):
        from app.audit.verification import AuditOptions, CannotRebuildError
        from twofold import auditing, serving
        from twofold.start_checks import StartRefusedError, read_settings

    options = AuditOptions(version, rebuild, head)
    try:
        settings = read_settings(data_dir)
        asyncio.run(serving.check_database(settings))
        holds = asyncio.run(auditing.verify(settings, options, Console()))
    except (StartRefusedError, CannotRebuildError) as error:
        raise refused(error) from None
    if not holds:
        raise typer.Exit(1)
