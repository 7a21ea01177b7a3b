"""What Flower's SuperLink runs in the race: FedAvg over all clients. In Flower's own environment.

After each round a line of JSON goes to the file `progress`: the round, and how many updates it was
made of. Line 0 marks the beginning.
"""

import json
import time
from collections.abc import Iterable
from functools import partial

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

client = ClientApp()  # never runs: light nodes answer in its place
server = ServerApp()


@server.main()  # type: ignore[untyped-decorator]
def main(grid: Grid, context: Context) -> None:
    """Run the rounds that the run's configuration asks for."""
    config = context.run_config
    n, poll_s = int(config["clients"]), float(config["poll-s"])
    updates = [0]

    def count(replies: list[RecordDict], weighting: str) -> MetricRecord:
        updates.append(len(replies))
        return MetricRecord({weighting: len(replies)})

    def note(round_number: int, arrays: ArrayRecord) -> None:
        with open(str(config["progress"]), "a") as file:
            line = {"round": round_number, "updates": updates[-1]}
            file.write(json.dumps(line) + "\n")

    if poll_s > 0:
        grid.send_and_receive = partial(send_and_receive, grid, poll_s)
    strategy = FedAvg(
        fraction_evaluate=0.0,
        min_train_nodes=n,
        min_available_nodes=n,
        train_metrics_aggr_fn=count,
    )
    first = ArrayRecord([np.zeros(int(config["n-values"]), np.float32)])
    strategy.start(grid, first, num_rounds=int(config["rounds"]), evaluate_fn=note)


def send_and_receive(
    grid: Grid, poll_s: float, messages: Iterable[Message], *, timeout: float | None = None
) -> list[Message]:
    """As the grid's own, by its own two calls, which however sleeps 3 s between two looks."""
    waited_for = set(grid.push_messages(messages))
    replies: list[Message] = []
    while waited_for:
        found = list(grid.pull_messages(waited_for))
        replies += found
        waited_for -= {reply.metadata.reply_to_message_id for reply in found}
        if waited_for:
            time.sleep(poll_s)
    return replies
