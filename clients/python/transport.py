"""HTTP: one request in, one typed value out. Nothing here retries; a refusal does not raise.

One `Transport` is one connection pool. It may serve many devices of one process, from many threads.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from clients.python.answers import Answer, Failure, read_problem
from clients.python.closing import Closing

USER_AGENT = "twofold-device/0.1"
# A loopback address is this machine: no proxy of the environment stands before it.
NEVER_PROXIED = ("all://localhost", "all://127.0.0.1", "all://[::1]")
JSON_BYTES_MAX = 64 << 20


@dataclass(frozen=True)
class Timeouts:
    """Seconds of silence after which a request counts as not answered."""

    connect_s: float = 5.0
    read_s: float = 30.0
    write_s: float = 30.0
    pool_s: float = 30.0


class Transport(Closing):
    """A pool of connections. Close it, or use it as a context manager.

    connections: most at a time; clock: Unix seconds, dates a Retry-After header.
    """

    def __init__(
        self,
        timeouts: Timeouts | None = None,
        connections: int = 16,
        clock: Callable[[], float] = time.time,
    ) -> None:
        waits = timeouts or Timeouts()
        self._clock = clock
        self._client = httpx.Client(
            timeout=httpx.Timeout(
                connect=waits.connect_s,
                read=waits.read_s,
                write=waits.write_s,
                pool=waits.pool_s,
            ),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # Model bodies do not compress, and a compressed answer could unpack without bound.
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            mounts=dict.fromkeys(NEVER_PROXIED),
            follow_redirects=False,
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        value: Any = None,
        bytes_max: int = JSON_BYTES_MAX,
    ) -> Answer | Failure:
        """Send one request. 2xx and 304 are answers, all else is a failure.

        content: a body of bytes; value: a body of JSON instead; bytes_max: a longer answer fails.
        """
        sent = {**(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if value is not None:
            content = json.dumps(value, allow_nan=False).encode()
            sent["Content-Type"] = "application/json"
        try:
            with self._client.stream(method, url, headers=sent, content=content) as response:
                body = _read(response, bytes_max)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Failure(None, "no_answer", f"{type(error).__name__}: {error}")
        except httpx.InvalidURL as error:
            return Failure(400, "invalid_url", str(error))
        if body is None:
            return Failure(400, "body_too_large", f"the answer has more than {bytes_max} bytes")
        found = {name.lower(): text for name, text in response.headers.items()}
        if response.is_success or response.status_code == 304:
            return Answer(response.status_code, found, body)
        return read_problem(response.status_code, found, body, self._clock())

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


def _read(response: httpx.Response, bytes_max: int) -> bytes | None:
    """The body, or None when it is longer than allowed: then the rest is not read."""
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bytes_max:
        return None
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > bytes_max:
            return None
    return b"".join(chunks)


def own_url(base_url: str, url: str) -> str | None:
    """`url` (absolute, or a path) under the service's own origin; None when it leads elsewhere.

    The device's token goes along with every request: it must not be sent to another host.
    """
    base, given = urlsplit(base_url), urlsplit(url)
    if not given.scheme and not given.netloc:
        return base_url.rstrip("/") + url if url.startswith("/") else None
    return url if (given.scheme, given.netloc) == (base.scheme, base.netloc) else None


def check_base_url(url: str) -> str:
    """The service's address without a slash at its end. Raises: ValueError if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"base_url: must be an http or https address, not {url!r}")
    return url.rstrip("/")
