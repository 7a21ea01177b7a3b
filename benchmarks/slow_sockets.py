"""A thousand slow sockets beside good requests: when is the last gone, what do the good ones feel?

    python -m benchmarks.slow_sockets --sockets 1000

Four kinds, a quarter each: one that says nothing, one that sends its head byte by byte, one that
sends its body byte by byte, one that does not read its answers. Deadlines are the service's own.
The good requests are recommendations for a cold user, one after the other; their times are compared
with those of the same requests just before, on the same connections and in the same process.
"""

import argparse
import select
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np

from evaluation.demo.service_process import ServiceProcess

KINDS = ("silent", "head", "body", "reader")
GET = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
TRICKLE_S = 1.0


class SlowSocket:
    """One of a kind; `nudge` sends what it has to send now. closed_at: when the server let go."""

    def __init__(self, address: tuple[str, int], kind: str, key: str) -> None:
        self.kind, self.closed_at = kind, float("nan")
        self.peer = socket.create_connection(address)
        self.peer.setblocking(False)
        if kind == "reader":
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        first = {
            "silent": b"",
            "head": b"GET / HTTP/1.1\r\n",
            "body": POST + f"Authorization: Bearer {key}\r\nContent-Length: 9999\r\n\r\n".encode(),
            "reader": 50 * GET,
        }
        self._send(first[kind])

    @property
    def is_closed(self) -> bool:
        return self.closed_at == self.closed_at

    def nudge(self, now: float) -> None:
        """A byte more, for those that trickle."""
        if not self.is_closed and self.kind in ("head", "body"):
            self._send(b"x")
        if not self.is_closed and self._has_ended():
            self.closed_at = now

    def _send(self, some: bytes) -> None:
        try:
            self.peer.send(some)
        except BlockingIOError:
            pass
        except ConnectionError:
            self.closed_at = time.monotonic()

    def _has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self.peer, select.POLLHUP | select.POLLERR | select.POLLRDHUP)
        return bool(poll.poll(0))


def latencies_s(client: httpx.Client, n: int) -> np.ndarray:
    """Times of n requests, one after the other."""
    times = []
    for _ in range(n):
        began = time.perf_counter()
        client.get("/v1/users/ann/recommendations", params={"limit": 1}).raise_for_status()
        times.append(time.perf_counter() - began)
    return np.asarray(times)


@contextmanager
def slow_sockets(
    service: ServiceProcess, n: int
) -> Iterator[tuple[list[SlowSocket], threading.Thread]]:
    """n sockets and the thread that keeps them slow until all are closed."""
    url = urlsplit(service.url)
    assert url.hostname is not None
    assert url.port is not None
    address = (url.hostname, url.port)
    found = [SlowSocket(address, KINDS[i % len(KINDS)], service.server_key) for i in range(n)]

    def keep_slow() -> None:
        while not all(one.is_closed for one in found):
            for one in found:
                one.nudge(time.monotonic())
            time.sleep(TRICKLE_S)

    keeper = threading.Thread(target=keep_slow, daemon=True)
    keeper.start()
    try:
        yield found, keeper
    finally:
        for one in found:
            one.peer.close()


def main() -> None:
    """Print what the good requests felt, and when the last slow socket of each kind was gone."""
    parser = argparse.ArgumentParser(description="Slow sockets beside good requests")
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=2000)
    chosen = parser.parse_args()
    changes = {"TWOFOLD_ROUND_ENABLED": "false", "TWOFOLD_DIM": "8"}
    with tempfile.TemporaryDirectory(prefix="slow-sockets-") as name:
        service = ServiceProcess(Path(name), changes)
        service.start()
        try:
            measure(service, chosen.sockets, chosen.requests)
        finally:
            service.stop()


def measure(service: ServiceProcess, n_sockets: int, n_requests: int) -> None:
    """One run."""
    headers = {"Authorization": f"Bearer {service.server_key}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
        client.put("/v1/users/ann", json={"mode": "hosted"}).raise_for_status()
        client.put("/v1/items/one", json={"title": "One"}).raise_for_status()
        latencies_s(client, 200)
        before = latencies_s(client, n_requests)
        began = time.monotonic()
        with slow_sockets(service, n_sockets) as (found, keeper):
            opened = time.monotonic()
            during = latencies_s(client, n_requests)
            keeper.join(300)
            left = sum(not one.is_closed for one in found)
            print(f"{n_sockets} sockets opened in {opened - began:.1f} s, {left} left open")
            for kind in KINDS:
                last = max(one.closed_at for one in found if one.kind == kind)
                print(f"  {kind}: the last one closed {last - began:.1f} s after the first opened")
    p99 = np.quantile([before, during], 0.99, axis=1) * 1000
    print(f"good requests, p99: {p99[0]:.1f} ms before, {p99[1]:.1f} ms beside them", end=" ")
    print(f"({p99[1] / p99[0]:.2f} times)")


if __name__ == "__main__":
    main()
