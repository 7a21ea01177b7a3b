"""`twofold drill`: rehearse plans against one trace, print what an operator chooses by."""

import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import torch
import uvloop
from rich.console import Console
from rich.progress import Progress

from app.cache.embedded import EmbeddedRedis
from app.settings import RoundSettings
from evaluation.drill.bodies import ConstantUpdates, TrainedUpdates, Updates
from evaluation.drill.enrolment import Ground, prepare_ground
from evaluation.drill.figures import Figures, measure
from evaluation.drill.options import DrillOptions, DrillWords, read_options
from evaluation.drill.plans import NamedPlan, read_plans
from evaluation.drill.population import draw_trace
from evaluation.drill.rehearsal import Rehearsal, Stage, rehearse
from evaluation.drill.table import print_table
from evaluation.drill.trace import Trace, read_trace, write_trace

# Stores of a rehearsal need not outlive it; in memory, syncing them costs nothing.
MEMORY = Path("/dev/shm")
BROKEN_SHOWN = 10

__all__ = ["DrillOptions", "DrillWords", "Report", "prepare", "read_options", "run"]


@dataclass(frozen=True)
class Drill:
    """What is to be rehearsed, read and checked before anything is started."""

    options: DrillOptions
    trace: Trace
    plans: list[NamedPlan]


@dataclass(frozen=True)
class Report:
    """What was found. broken: plan -> invariants that do not hold. cpu_s: of all of it.

    heads: plan -> (version, chain digest) of the newest version: equal runs have equal ones.
    """

    figures: Mapping[str, Figures]
    heads: Mapping[str, tuple[int, str]]
    broken: Mapping[str, tuple[str, ...]]
    n_devices: int
    cpu_s: float

    @property
    def holds(self) -> bool:
        """Whether every invariant held in every plan."""
        return not any(self.broken.values())

    def to_mapping(self) -> dict[str, Any]:
        """All that was printed."""
        return {
            "devices": self.n_devices,
            "plans": {name: one.to_mapping() for name, one in self.figures.items()},
            "heads": {name: list(head) for name, head in self.heads.items()},
            "broken": {name: list(found) for name, found in self.broken.items()},
            "cpu_s": round(self.cpu_s, 1),
        }


def prepare(options: DrillOptions, base: RoundSettings | None = None) -> Drill:
    """Read plans and trace. base: settings of rounds, by default the environment's.

    Raises: ValueError naming the setting, or file, line and field; OSError.
    """
    plans = read_plans(options.plans, base or RoundSettings())
    if options.record is not None and len(plans) > 1:
        raise ValueError("record: holds what one plan made of a trace, not several")
    if options.trace is not None:
        return Drill(options, read_trace(options.trace), plans)
    return Drill(options, draw_trace(options.population, options.seed), plans)


def run(drill: Drill, console: Console) -> Report:
    """Rehearse every plan, print the table, write the files.

    Raises: RuntimeError when the stores do not start; OSError when a file cannot be written.
    """
    _quieten()
    started_s = time.process_time()
    with tempfile.TemporaryDirectory(prefix="twofold-drill-", dir=_scratch()) as name:
        folder = Path(name)
        with _redis(folder) as redis_url, Progress(console=console, transient=True) as progress:
            found = uvloop.run(_rehearse_all(drill, folder, redis_url, progress))
    figures = {name: measure(drill.trace, one.happenings, one.books) for name, one in found.items()}
    broken = {name: one.broken for name, one in found.items()}
    cpu_s = time.process_time() - started_s
    heads = {name: one.head for name, one in found.items()}
    report = Report(figures, heads, broken, len(drill.trace.devices), cpu_s)
    _print(report, drill, console)
    _write(report, drill, next(iter(found.values())))
    return report


async def _rehearse_all(
    drill: Drill, folder: Path, redis_url: str, progress: Progress
) -> dict[str, Rehearsal]:
    trace, model = drill.trace, drill.options.model
    ground = await prepare_ground(
        folder / "ground", redis_url, model, len(trace.devices), trace.seed
    )
    stage = Stage(trace, ground, model, _updates(drill, ground), redis_url)
    found = {}
    for number, plan in enumerate(drill.plans):
        show = _shown_as(plan.name, progress, trace.end_s)
        found[plan.name] = await rehearse(stage, plan.rounds, folder / f"plan-{number}", show)
    return found


def _shown_as(name: str, progress: Progress, end_s: float) -> Callable[[float], None]:
    task = progress.add_task(name, total=end_s)
    return lambda passed_s: progress.update(task, completed=passed_s)


def _updates(drill: Drill, ground: Ground) -> Updates:
    if drill.options.constant:
        return ConstantUpdates()
    return TrainedUpdates(drill.trace.seed, ground.histories)


def _print(report: Report, drill: Drill, console: Console) -> None:
    trace = drill.trace
    console.print(
        f"{report.n_devices} devices, {len(trace.arrivals)} visits in {trace.days:g} days, "
        f"seed {trace.seed}; the same arrivals for every plan."
    )
    print_table(console, report.figures)
    rate = report.n_devices * trace.days * len(drill.plans) / report.cpu_s
    console.print(f"{report.cpu_s:.0f} s of CPU time: {rate:.0f} device-days a CPU-second.")
    for name, found in report.broken.items():
        for what in found[:BROKEN_SHOWN]:
            console.print(f"[red]broken[/] with {name}: {what}")


def _write(report: Report, drill: Drill, first: Rehearsal) -> None:
    options = drill.options
    if options.json is not None:
        options.json.write_text(json.dumps(report.to_mapping(), indent=2) + "\n")
    if options.record is not None:
        write_trace(options.record, drill.trace, first.happenings)


def _quieten() -> None:
    """Warnings only: a drill closes hundreds of rounds. One thread: equal runs, equal versions."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    torch.set_num_threads(1)


def _scratch() -> Path | None:
    return MEMORY if MEMORY.is_dir() else None


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    server = EmbeddedRedis(folder / "redis")
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
