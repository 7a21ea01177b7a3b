"""How much sooner the simulator is where PFedRec's own procedure ends, in one process.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \\
        python -m benchmarks.time_to_quality --data path/to/ml-100k --json out.json

First PFedRec's own loop (`benchmarks.pfedrec_loop`, honest negatives) for its published 100 rounds;
what it ends with is its best round on validation. Then Twofold in the simulator, untrained at the
start, until its shared tower has passed that NDCG@10 on validation and on test. Both train on one
split, and one function ranks all items for both. Time is CPU time of this process, in one thread:
reading the data is in neither figure, setting up a training is in both, and ranking the validation
questions is said apart. Test questions choose nothing; asking them is not counted.

The JSON is written anew after every look, so that a run that is cut short leaves its curves.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality_curve import Lead, Look
from benchmarks.quality_race import Race, run
from evaluation.offline.threads import threads
from evaluation.twofold_settings import suited
from recsys.baselines.pfedrec import ROUNDS
from recsys.datasets import movielens
from recsys.splits.build import LAST, build_task


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="CPU time of PFedRec's procedure and of the simulator to equal quality"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of MovieLens 100K")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of PFedRec's own procedure")
    parser.add_argument("--every", type=int, default=5, help="Twofold's rounds between two looks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for curves and ratios")
    chosen = parser.parse_args(given)
    if min(chosen.rounds, chosen.every) < 1:
        parser.error("--rounds and --every must be at least 1")
    return chosen


def line_of(name: str, look: Look) -> str:
    """A look in a line."""
    time_s = f"{look.train_s:8.2f} CPU s of training + {look.check_s:6.2f} of looking"
    quality = f"NDCG@10 validation {look.validation:.4f}, test {look.test:.4f}"
    return f"{name} round {look.rounds:3}: {time_s}, {quality}"


def lines_of(race: Race) -> Iterator[str]:
    """The result: how long PFedRec's rounds take, then a line per measure and share."""
    of_rounds = race.summary()["pfedrec"]
    how = "extrapolated" if of_rounds["extrapolated"] else "measured"
    rounds, whole_s = of_rounds["published_rounds"], of_rounds["published_s"]
    yield f"PFedRec's {rounds} rounds: {whole_s:.0f} CPU s ({how})"
    ends = of_rounds["chosen"]
    yield line_of("PFedRec, best on validation,", Look(**ends))
    if of_rounds["extrapolated"]:
        yield f"cut short after {len(race.pfedrec)}: below, its end is the best of these"
    yield from (lead_line(found) for found in race.leads())


def lead_line(found: Lead) -> str:
    """Both times to a target, and their ratio without and with looking."""
    start = f"{found.share:4.0%} of its {found.measure:10} ({found.target:.4f}): "
    slow = f"PFedRec {found.slow.train_s:.1f} CPU s, round {found.slow.rounds}"
    if found.fast is None:
        return f"{start}{slow}; Twofold did not reach it"
    fast = f"Twofold {found.fast.train_s:.2f} CPU s, round {found.fast.rounds}"
    ratios = f"{found.ratio:.0f} times sooner, {found.ratio_with_checks:.0f} with looking"
    return f"{start}{slow}; {fast}: {ratios}"


def write(path: Path, summary: dict[str, Any]) -> None:
    """Whole or not at all: a run may be cut short while it writes."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(json.dumps(summary, indent=1) + "\n")
    os.replace(beside, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every look, then the ratios; write both as JSON where asked to."""
    chosen = arguments_of(arguments)
    torch.set_num_threads(1)
    task = build_task(movielens.load(chosen.data), LAST, chosen.seed)
    settings = suited(task)
    facts = {"data": task.name, "devices": len(task.train), "items": task.n_items}
    facts |= {"seed": chosen.seed, "settings": settings.name, "threads": threads()}
    print(f"{task.name}: {len(task.train)} devices, {task.n_items} items; {threads()}", flush=True)
    race = Race()
    for name, look, race in run(task, chosen.seed, chosen.rounds, settings, chosen.every):
        print(line_of(name, look), flush=True)
        if chosen.json is not None:
            write(chosen.json, {**facts, **race.summary()})
    print("\n".join(lines_of(race)))


if __name__ == "__main__":
    main()
