"""Connections of a real server: whoever is slow is let go, whoever is not never notices."""

import json
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from evaluation.demo.service_process import ServiceProcess

CONNECTIONS_MAX = 40
SETTINGS = {
    "TWOFOLD_ROUND_ENABLED": "false",
    "TWOFOLD_DIM": "8",
    "TWOFOLD_RECEIVE_HEAD_S": "1",
    "TWOFOLD_RECEIVE_BODY_S": "1",
    "TWOFOLD_SEND_S": "1",
    "TWOFOLD_TRANSFER_RATE_MIN": "1e9",
    "TWOFOLD_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
}
PATIENCE_S = 60.0
HEAD = b"POST /v1/recommendations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    process = ServiceProcess(tmp_path_factory.mktemp("connections"), SETTINGS)
    process.start()
    yield process
    process.stop()


@contextmanager
def connected(service: ServiceProcess) -> Iterator[socket.socket]:
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port)) as peer:
        yield peer


def is_let_go(peer: socket.socket) -> bool:
    """Whether the server has closed the connection; reads what it said."""
    while select.select([peer], [], [], 0)[0]:
        try:
            if not peer.recv(1 << 16):
                return True
        except ConnectionError:
            return True
    return False


def wait_until_let_go(peer: socket.socket, trickle: bytes = b"") -> None:
    """Send byte after byte until the server has had enough."""
    deadline = time.monotonic() + PATIENCE_S
    sent = 0
    while not is_let_go(peer):
        assert time.monotonic() < deadline, "still connected"
        if trickle:
            try:
                peer.sendall(trickle[sent % len(trickle) :][:1])
            except ConnectionError:
                return
            sent += 1
        time.sleep(0.05)


def test_one_that_says_nothing(service: ServiceProcess) -> None:
    with connected(service) as peer:
        wait_until_let_go(peer)


def test_a_head_byte_by_byte(service: ServiceProcess) -> None:
    with connected(service) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n")
        wait_until_let_go(peer, b"X-Some: header\r\n")


def test_empty_lines_behind_an_answer(service: ServiceProcess) -> None:
    """They are no request, yet they end the idle time that uvicorn counts."""
    with connected(service) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert peer.recv(1 << 16).startswith(b"HTTP/1.1 200")
        wait_until_let_go(peer, b"\r\n")


def test_a_body_byte_by_byte(service: ServiceProcess) -> None:
    with connected(service) as peer:
        key = f"Authorization: Bearer {service.server_key}\r\n".encode()
        peer.sendall(HEAD + key + b"Content-Length: 100000\r\n\r\n{")
        wait_until_let_go(peer, b" ")


def test_a_body_that_was_refused_and_goes_on(service: ServiceProcess) -> None:
    with connected(service) as peer:
        peer.sendall(HEAD + b"Content-Length: 99999999999\r\n\r\n{")
        assert peer.recv(1 << 16).startswith(b"HTTP/1.1 413")
        wait_until_let_go(peer, b" ")


def test_one_that_does_not_read(service: ServiceProcess) -> None:
    """It is reset: the kernel would keep megabytes for it, even behind a connection's end."""
    before = n_files(service)
    with connected(service) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(1)
        # The server stops reading requests whose answers nobody fetches.
        with suppress(TimeoutError, ConnectionError):
            for _ in range(200):
                peer.sendall(GET)
        poll = select.poll()
        poll.register(peer, 0)
        wait_for(lambda: any(event & select.POLLERR for _, event in poll.poll(0)))
    wait_for(lambda: n_files(service) <= before)


def test_a_request_in_two_parts_is_served(service: ServiceProcess) -> None:
    body = json.dumps({"user_id": "ann"}).encode()
    with connected(service) as peer:
        key = f"Authorization: Bearer {service.server_key}\r\n".encode()
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        peer.sendall(HEAD + key)
        time.sleep(0.3)
        peer.sendall(length + body[:5])
        time.sleep(0.3)
        peer.sendall(body[5:])
        answer = peer.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 ")
    assert int(answer.split()[1]) < 500


def test_at_the_cap_the_idle_make_room(service: ServiceProcess) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(service)) for _ in range(CONNECTIONS_MAX)]
        newcomer = httpx.get(f"{service.url}/healthz")
        assert newcomer.status_code == 200
        assert is_let_go(idle[0])


def test_at_the_cap_with_all_at_work_a_newcomer_is_told(service: ServiceProcess) -> None:
    with ExitStack() as stack:
        key = f"Authorization: Bearer {service.server_key}\r\n".encode()
        for _ in range(CONNECTIONS_MAX):
            peer = stack.enter_context(connected(service))
            peer.sendall(HEAD + key + b"Content-Length: 500\r\n\r\n{")
        wait_for(lambda: n_files(service) >= CONNECTIONS_MAX)
        answer = httpx.get(f"{service.url}/healthz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "too_many_connections"
    assert answer.headers["retry-after"] == "1"
    wait_for(lambda: httpx.get(f"{service.url}/healthz").status_code == 200)


def test_good_requests_go_on_beside_slow_ones(service: ServiceProcess) -> None:
    """And none of the slow ones is left in the end."""
    before = n_files(service)
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(service)) for _ in range(CONNECTIONS_MAX // 2)]
        for number, peer in enumerate(slow):
            peer.sendall((b"", b"GET / HT", HEAD + b"Content-Length: 9\r\n\r\n{")[number % 3])
        with httpx.Client(base_url=service.url) as good:
            while not all(map(is_let_go, slow)):
                assert good.get("/healthz").status_code == 200
    wait_for(lambda: n_files(service) <= before)


def n_files(service: ServiceProcess) -> int:
    """Files and sockets that the server's process has open."""
    return len(os.listdir(Path(f"/proc/{service.pid}/fd")))


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
