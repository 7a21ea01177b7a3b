"""Twofold beside Flower's SuperLink: one run, the same payload, the same machine, turn by turn.

    python -m benchmarks.superlink_race --json out.json

Both are servers as their users start them, over HTTP on localhost, with light clients that do the
protocol of their side and no work: 1 MiB of model, every client in every round. Flower
(`benchmarks.superlink_leg`) keeps everything in memory, and runs both as it comes and with polls
as fast as does it good; Twofold (`benchmarks.twofold_leg`) is on SQLite and the disk, and each
update is durable before it is acknowledged. Then both are killed in the middle of a round
(`benchmarks.server_kill`), Flower with its store in a file.

CPU time is that of all processes of a server, while rounds run: starting is in no figure. Wall time
is shared with the clients, which run on the same machine, so what counts is the ratio.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import superlink_leg, twofold_leg
from benchmarks.flower_environment import FOLDER, FlowerEnvironment
from benchmarks.race_result import Leg, added, line_of, table, verdicts
from benchmarks.server_kill import Aftermath, kill_flower, kill_twofold

N_VALUES = 262_144


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Twofold beside Flower's SuperLink over HTTP")
    parser.add_argument("--clients", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--rounds", type=int, default=10, help="of Twofold, each turn")
    parser.add_argument("--flower-rounds", type=int, default=3, help="of Flower, each turn")
    parser.add_argument("--turns", type=int, default=2, help="of each side")
    parser.add_argument("--flower", type=Path, default=FOLDER, help="Flower's own environment")
    parser.add_argument("--no-kill", action="store_true", help="leave out the last part")
    parser.add_argument("--json", type=Path, help="file for all figures")
    chosen = parser.parse_args(given)
    if min(*chosen.clients, chosen.rounds, chosen.flower_rounds, chosen.turns) < 1:
        parser.error("all numbers must be at least 1")
    return chosen


def legs(chosen: argparse.Namespace, flower: FlowerEnvironment, folder: Path) -> Iterator[Leg]:
    """All legs, turn by turn."""
    for clients in chosen.clients:
        for turn in range(chosen.turns):
            for number, run in enumerate(sides(chosen, flower, clients)):
                yield run(folder / f"{clients}-{turn}-{number}")


def sides(
    chosen: argparse.Namespace, flower: FlowerEnvironment, clients: int
) -> Iterator[Callable[[Path], Leg]]:
    """What runs in one turn, each in a folder of its own."""
    yield partial(twofold_leg.run_leg, clients=clients, rounds=chosen.rounds)
    for polls in (superlink_leg.fast_polls(clients), superlink_leg.STOCK):
        yield partial(
            superlink_leg.run_leg,
            flower=flower,
            clients=clients,
            rounds=chosen.flower_rounds,
            n_values=N_VALUES,
            polls=polls,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print every leg as it ends, then the table, the ratios and what a kill leaves."""
    chosen = arguments_of(arguments)
    flower = FlowerEnvironment.prepare(chosen.flower)
    run: list[Leg] = []
    killed: list[Aftermath] = []
    with tempfile.TemporaryDirectory(prefix="superlink-race-") as name:
        for leg in legs(chosen, flower, Path(name)):
            run.append(leg)
            print(line_of(leg), flush=True)
            write(chosen.json, run, killed)
        if not chosen.no_kill:
            n = chosen.clients[0]
            killed = [
                kill_twofold(Path(name) / "kill-twofold", n),
                kill_flower(flower, Path(name) / "kill-flower", n, N_VALUES),
            ]
    write(chosen.json, run, killed)
    whole = added(run)
    print("", *table(whole), "", *verdicts(whole), *(end.line() for end in killed), sep="\n")


def write(path: Path | None, run: Sequence[Leg], killed: Sequence[Aftermath]) -> None:
    """All figures as JSON, where asked to."""
    if path is not None:
        figures = {"legs": [asdict(leg) for leg in run], "kills": [asdict(end) for end in killed]}
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
