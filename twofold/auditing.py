"""`twofold audit verify`: the verification on a terminal, with its progress and its table."""

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.access.secrets import signing_secret
from app.audit.rebuilding import Outcome
from app.audit.verification import AuditOptions, Finding, Verification
from app.settings import Settings
from app.store.blobs import BlobStore
from app.store.database import Database

OUTCOMES: Mapping[Outcome, str] = {
    "identical": "rebuilt, byte for byte",
    "within_bound": "rebuilt on another build, within the bound",
    "not_compared": "replayed on another build, no table kept to compare",
    "checkpoint": "stored whole, by its digests",
}


async def verify(settings: Settings, options: AuditOptions, console: Console) -> bool:
    """Print what was found; whether all of it holds."""
    database = Database(settings.resolved_database_url)
    blobs = BlobStore(settings.data_dir / "blobs")
    try:
        run = Verification(database, blobs, settings, signing_secret(settings))
        findings: list[Finding] = []
        newest = await run.begin(options)
        with _progress(console) as progress:
            task = progress.add_task("versions", total=newest)

            def note(finding: Finding) -> None:
                findings.append(finding)
                progress.advance(task)

            broken = await run.run(newest, options, note)
    finally:
        await database.close()
    if broken is not None:
        _say(console, f"Broken at version {broken.version}: {broken.what}")
        return False
    console.print(_table(findings))
    if findings:
        _say(console, f"The chain holds. Head: {findings[-1].chain}")
    return True


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)


def _table(findings: list[Finding]) -> Table:
    kinds = Counter(finding.kind for finding in findings)
    sums = Counter(finding.sum for finding in findings if finding.sum)
    outcomes = Counter(finding.rebuilt.outcome for finding in findings if finding.rebuilt)
    by_kind = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    table = Table("checked", "versions", "")
    table.add_row("chain, rows, members", str(len(findings)), by_kind)
    table.add_row("sum, bundle", str(sums["checked"]), _aside("pruned", sums["pruned"]))
    for outcome, words in OUTCOMES.items():
        if outcomes[outcome]:
            table.add_row(words, str(outcomes[outcome]), _difference(findings, outcome))
    return table


def _aside(word: str, n: int) -> str:
    return f"{n} more {word}" if n else ""


def _difference(findings: list[Finding], outcome: Outcome) -> str:
    if outcome != "within_bound":
        return ""
    found = [f.rebuilt.difference for f in findings if f.rebuilt]
    return f"largest difference {max(found):.1e}"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
