"""Flower's side of the race: SuperLink over HTTP with light nodes, FedAvg, nothing but training."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.flower_environment import FlowerEnvironment
from benchmarks.process_tree import PeakMemory, cpu_s
from benchmarks.race_result import Leg
from benchmarks.superlink_process import SuperLink, light_nodes, rounds_done
from benchmarks.waiting import wait_until

# Both are constants in flwr's code: of the SuperNode's loop, and of the Grid's send_and_receive.
STOCK_POLL_S = 3.0
# A hundred clients take a minute a round, on a busy machine several.
ROUNDS_DEADLINE_S = 1800.0


@dataclass(frozen=True)
class Polls:
    """How often nodes look for messages, and the strategy for replies; None: as it comes."""

    name: str
    node_s: float
    grid_s: float | None


STOCK = Polls("stock 3 s poll", STOCK_POLL_S, None)


def fast_polls(clients: int) -> Polls:
    """As fast as does Flower good: at a hundred polls a second, idle nodes take the server from the
    work that they wait for."""
    node_s = max(0.5, clients / 100)
    return Polls(f"{node_s:g} s poll", node_s, 0.5)


def run_leg(
    folder: Path, flower: FlowerEnvironment, clients: int, rounds: int, n_values: int, polls: Polls
) -> Leg:
    """Run that many rounds; memory is its store, which costs it least."""
    progress, link = folder / "progress.jsonl", SuperLink(flower, folder, None)
    link.start()
    try:
        with light_nodes(flower, folder, link.address, clients, polls.node_s) as nodes:
            link.begin_run(
                progress,
                clients=clients,
                rounds=rounds,
                n_values=n_values,
                poll_s=polls.grid_s or 0.0,
            )
            wait_until(lambda: len(rounds_done(progress)) > 0)
            with PeakMemory(link.pid) as memory:
                began, cpu_before = time.monotonic(), cpu_s(link.pid)
                wait_until(lambda: len(rounds_done(progress)) > rounds, ROUNDS_DEADLINE_S)
                used_s, elapsed_s = cpu_s(link.pid) - cpu_before, time.monotonic() - began
            nodes.stop()
    finally:
        link.stop()
    requests = dict(nodes.summary["requests"])
    polled = requests.pop("poll", 0)
    return Leg(
        side=f"Flower, {polls.name}",
        clients=clients,
        rounds=rounds,
        updates=sum(rounds_done(progress)),
        requests=sum(requests.values()),
        polls=polled,
        cpu_s=used_s,
        elapsed_s=elapsed_s,
        peak_mib=memory.mib,
        body_bytes=nodes.summary["body_bytes"],
    )
