"""Light nodes of Flower's SuperLink, a thread each. Runs in Flower's own environment.

    python superlink_nodes.py ADDRESS NODES POLL_S

Each node speaks through the HTTP client of flwr's SuperNode, object by object as that does, but
computes in place of starting a process: it adds a number of its own to every value. (The same
number for all would make one object of all updates, stored and sent once.)

Writes a line of JSON after every update, and a last one when its standard input ends: what was
asked how often, and the bytes of protobuf messages both ways. Counting begins with the first
message that any node gets.
"""

import json
import sys
import threading
from collections import Counter
from functools import partial
from typing import Any

from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
)
from flwr.supercore.inflatable.inflatable_utils import (
    inflate_object_from_contents,
    pull_objects,
    push_object_contents_from_iterable,
)
from flwr.supernode import fleet_http_connection
from flwr.supernode.fleet_http_client import FleetHttpClient


class Counts:
    """Of all nodes. polls: requests for work that brought none, and heartbeats."""

    def __init__(self) -> None:
        self.begun = False
        self.requests: Counter[str] = Counter()
        self.body_bytes = 0
        self.updates = 0
        self.lock = threading.Lock()

    def add(self, kind: str, request: Any, answer: Any) -> None:
        """One request."""
        with self.lock:
            if kind == "PullMessages":
                self.begun = self.begun or bool(answer.messages_list)
                kind = kind if answer.messages_list else "poll"
            if self.begun:
                self.requests["poll" if kind == "SendNodeHeartbeat" else kind] += 1
                self.body_bytes += request.ByteSize() + answer.ByteSize()

    def add_update(self) -> None:
        """One update was sent whole."""
        with self.lock:
            self.updates += 1
            say(updates=self.updates)

    def summary(self) -> dict[str, Any]:
        """All that was counted."""
        with self.lock:
            return {"requests": dict(self.requests), "body_bytes": self.body_bytes}


def say(**line: Any) -> None:
    """A line of JSON to whoever started this process."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


COUNTS = Counts()


class CountedClient(FleetHttpClient):  # type: ignore[misc]
    """flwr's client; what it sends is counted."""

    def _unary_unary(self, *, rpc_method: str, request: Any, **rest: Any) -> Any:
        answer = super()._unary_unary(rpc_method=rpc_method, request=request, **rest)
        COUNTS.add(rpc_method.rsplit("/", 1)[1], request, answer)
        return answer


class Node:
    """One node. number: what it adds to every value."""

    def __init__(self, address: str, number: int, poll_s: float, ended: threading.Event) -> None:
        self.ready = threading.Event()
        self._address, self._number, self._poll_s, self._ended = address, number, poll_s, ended

    def run(self) -> None:
        """Look for messages, and answer them, until told to end."""
        with fleet_http_connection.http_request_response(self._address, insecure=True) as calls:
            _, receive, send, _, _, pull, push, confirm = calls
            self.ready.set()
            while not self._ended.is_set():
                received = receive()
                if received is None:
                    self._ended.wait(self._poll_s)
                    continue
                message, tree = received
                run = message.metadata.run_id
                ids = list(dict.fromkeys(node.object_id for node in iterate_object_tree(tree)))
                contents = pull_objects(ids, partial(pull, run))
                confirm(run, message.metadata.message_id)
                whole = inflate_object_from_contents(message.metadata.message_id, contents)
                # Not part of what travels, and a reply names it.
                whole.metadata.__dict__["_message_id"] = message.metadata.message_id
                self._answer(whole, send, partial(push, run))
                COUNTS.add_update()

    def _answer(self, message: Any, send: Any, push: Any) -> None:
        reply = Message(self._trained(message.content), reply_to=message)
        reply.metadata.__dict__["_message_id"] = reply.object_id
        objects = get_all_nested_objects(reply)
        wanted, session = send(reply, get_object_tree(reply), 0.0)
        bodies = ((name, body.deflate()) for name, body in objects.items() if name in wanted)
        push_object_contents_from_iterable(bodies, partial(push, session))

    def _trained(self, content: RecordDict) -> RecordDict:
        arrays = content["arrays"].to_numpy_ndarrays()
        moved = ArrayRecord([array + self._number for array in arrays])
        return RecordDict({"arrays": moved, "metrics": MetricRecord({"num-examples": 1})})


def main(address: str, nodes: str, poll_s: str) -> None:
    """Run until standard input ends."""
    fleet_http_connection.FleetHttpClient = CountedClient
    ended = threading.Event()
    fleet = [Node(address, number + 1, float(poll_s), ended) for number in range(int(nodes))]
    threads = [threading.Thread(target=node.run, daemon=True) for node in fleet]
    for node, thread in zip(fleet, threads, strict=True):
        thread.start()
        node.ready.wait()  # one after the other: a hundred registrations at once prove nothing
    say(ready=len(fleet))
    sys.stdin.read()
    say(**COUNTS.summary())


if __name__ == "__main__":
    main(*sys.argv[1:])
