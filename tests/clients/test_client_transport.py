"""HTTP: what goes wrong on the wire becomes a value."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from clients.python.answers import Answer, Failure
from clients.python.transport import Timeouts, Transport, check_base_url, own_url

QUICK = Timeouts(connect_s=0.5, read_s=0.3, write_s=0.3, pool_s=0.3)


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says to each connection whatever it is told to, byte by byte."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            connection, _ = listener.accept()
            with connection:
                if not stopping.is_set():
                    talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    host, port = listener.getsockname()
    yield f"http://{host}:{port}"
    stopping.set()
    socket.create_connection((host, port)).close()
    thread.join()
    listener.close()


def saying(head: bytes, body: bytes = b"") -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)

    return talk


def silent(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.recv(65536)  # until the client hangs up


@pytest.mark.parametrize(
    "talk",
    [
        lambda connection: connection.recv(65536),
        saying(b"HTTP/1.1 200 OK\nContent-Length: 100", b"short"),
        saying(b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"zz\r\n"),
        saying(b"no HTTP at all"),
        saying(b"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 3", b"abc"),
        silent,
    ],
    ids=["hangs up", "breaks off", "bad chunk", "nonsense", "not gzip", "silence"],
)
def test_no_whole_answer_is_a_transient_failure(talk: Callable[[socket.socket], None]) -> None:
    with raw_server(talk) as url, Transport(QUICK) as transport:
        found = transport.send("GET", url)
    assert isinstance(found, Failure)
    assert (found.status, found.reason, found.transient) == (None, "no_answer", True)


def test_nobody_there_is_a_transient_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Transport(QUICK) as transport:
        found = transport.send("GET", f"http://127.0.0.1:{port}/")
    assert isinstance(found, Failure)
    assert (found.status, found.transient) == (None, True)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\nContent-Length: 11", b"HTTP/1.1 200 OK\nConnection: close"]
)
def test_a_longer_answer_than_allowed_is_not_kept(head: bytes) -> None:
    with raw_server(saying(head, b"x" * 11)) as url, Transport(QUICK) as transport:
        found = transport.send("GET", url, bytes_max=10)
        assert isinstance(found, Failure)
        assert (found.reason, found.transient) == ("body_too_large", False)
        whole = transport.send("GET", url, bytes_max=11)
        assert isinstance(whole, Answer)
        assert whole.body == b"x" * 11


def test_a_redirect_is_not_followed_with_the_token() -> None:
    answer = b"HTTP/1.1 307 Away\nLocation: http://elsewhere.invalid/\nContent-Length: 0"
    with raw_server(saying(answer)) as url, Transport(QUICK) as transport:
        found = transport.send("GET", url, token="secret")
    assert isinstance(found, Failure)
    assert (found.status, found.reason, found.transient) == (307, "http_307", False)


def test_an_impossible_address_is_a_final_failure() -> None:
    with Transport(QUICK) as transport:
        found = transport.send("GET", "http://127.0.0.1:port/")
    assert isinstance(found, Failure)
    assert not found.transient


def test_a_request_says_who_asks_and_for_plain_bytes() -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        while not heard[-1].endswith(b"}"):
            heard[-1] += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 204 Nothing\r\n\r\n")

    with raw_server(talk) as url, Transport(QUICK) as transport:
        found = transport.send("POST", f"{url}/a%2Fb", token="t", value={"é": 1})
    assert isinstance(found, Answer)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert head.startswith(b"POST /a%2Fb HTTP/1.1")
    assert b"authorization: bearer t" in lines
    assert b"accept-encoding: identity" in lines
    assert b"content-type: application/json" in lines
    assert body == b'{"\\u00e9": 1}'


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/v1/x", "http://h:1/root/v1/x"),
        ("http://h:1/v1/x", "http://h:1/v1/x"),
        ("https://h:1/v1/x", None),
        ("http://h:2/v1/x", None),
        ("http://evil/v1/x", None),
        ("//evil/v1/x", None),
        ("http://h:1@evil/v1/x", None),
        ("v1/x", None),
        ("", None),
    ],
)
def test_only_the_services_own_addresses_are_followed(url: str, expected: str | None) -> None:
    assert own_url("http://h:1/root", url) == expected


@pytest.mark.parametrize("url", ["", "h:1", "ftp://h", "http://", "http://h?a=1", "http://h#x"])
def test_what_is_no_service_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        check_base_url(url)


def test_a_service_address_loses_its_last_slash() -> None:
    assert check_base_url("https://shop.example/twofold/") == "https://shop.example/twofold"
