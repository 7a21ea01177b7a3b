"""As many worlds as are asked for, in parallel: `python -m tests.simulation --seeds 100000`."""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from tests.simulation.campaign import Figures, run_seeds
from tests.simulation.parts import SOUND
from tests.simulation.reproduction import save_failures

CHUNK = 200


def main() -> int:
    """0 if nothing went wrong and every case was met."""
    asked = _arguments()
    started = time.monotonic()
    until = started + 60.0 * asked.minutes
    figures = Figures()
    with ProcessPoolExecutor(asked.processes) as pool:
        run = partial(run_seeds, parts=SOUND, until=until)
        running = [pool.submit(run, seeds) for seeds in _chunks(asked.first, asked.seeds)]
        for done in as_completed(running):
            figures.add(done.result())
            _tell_progress(running, figures)
    saved = save_failures(asked.reproductions, sorted(figures.failures, key=lambda f: f.seed))
    for failure in figures.failures[:20]:
        print(f"seed {failure.seed}: {failure.what}")
    for path in saved:
        print(f"kept as {path}")
    missing = figures.coverage.missing()
    for case in missing:
        print(f"never met: {case}")
    _print_figures(figures, time.monotonic() - started)
    return int(bool(figures.failures or missing))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--reproductions", type=Path, default=Path("tests/simulation/found"))
    return parser.parse_args()


def _chunks(first: int, n: int) -> Iterator[range]:
    for start in range(first, first + n, CHUNK):
        yield range(start, min(start + CHUNK, first + n))


def _tell_progress(running: list[Future[Figures]], figures: Figures) -> None:
    if sys.stderr.isatty():
        done = sum(future.done() for future in running)
        print(f"\r{done} of {len(running)}, {figures.seeds} seeds", end="", file=sys.stderr)


def _print_figures(figures: Figures, elapsed_s: float) -> None:
    print(figures.coverage.table())
    print(f"seeds               {figures.seeds}")
    print(f"steps               {figures.steps}")
    print(f"versions published  {figures.versions}")
    print(f"acknowledgements    {figures.acknowledged}")
    print(f"violations          {len(figures.failures)}")
    print(f"seconds             {elapsed_s:.0f}")
    print(f"worlds per second   {figures.seeds / elapsed_s:.0f}")


if __name__ == "__main__":
    sys.exit(main())
