"""HTTP connections that end: uvicorn's protocol with deadlines for whoever is slow, and a cap.

Stock uvicorn times out only a connection that is idle behind an answer: one that never sends its
first byte, trickles its head or its body, or does not read what it asked for, stays open for ever.
Middleware cannot see the first two, so this lies below the application.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import Problem, problem_response
from app.settings import UPDATE_BYTES_MAX, Settings

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
TOO_MANY = Problem(
    503,
    "too_many_connections",
    "Every connection of this worker is in use.",
    headers={"Retry-After": "1", "Connection": "close"},
)


@dataclass(frozen=True)
class ConnectionLimits:
    """What a peer may take. head_s, body_s, send_s: seconds for a head, a body, an answer.

    rate_min: bytes per second that a body, or an answer, is granted beyond its seconds.
    connections_max: of one worker.
    """

    head_s: float
    body_s: float
    send_s: float
    rate_min: float
    connections_max: int

    @classmethod
    def of(cls, settings: Settings) -> "ConnectionLimits":
        """As the operator set them."""
        return cls(
            head_s=settings.receive_head_s,
            body_s=settings.receive_body_s,
            send_s=settings.send_s,
            rate_min=settings.transfer_rate_min,
            connections_max=settings.connections_max,
        )

    def body_deadline_s(self, n_bytes: int) -> float:
        """How long a body of that many bytes may take to arrive."""
        return self.body_s + n_bytes / self.rate_min

    def send_deadline_s(self, n_bytes: int) -> float:
        """How long a peer may take to read that many bytes."""
        return self.send_s + n_bytes / self.rate_min


def written_out(problem: Problem) -> bytes:
    """A problem as HTTP/1.1, for where there is no application to answer."""
    answer = problem_response(problem)
    status_line = STATUS_LINE[answer.status_code]
    headers = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
    return status_line + headers + b"\r\n" + bytes(answer.body)


class BoundedHttp(HttpToolsProtocol):
    """One connection. At most one deadline runs in each direction: for receiving, for sending."""

    # Those of this process that have no request under way, longest waiting first.
    _waiting: ClassVar[dict["BoundedHttp", None]] = {}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = ConnectionLimits.of(self.app_state["settings"])
        self._receiving: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._body_is_here = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head; at the cap, in place of whoever has kept us waiting longest."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections_max and not self._make_room():
            transport.write(written_out(TOO_MANY))
            self._close()
            return
        self._await_head()

    def _make_room(self) -> bool:
        longest = next(iter(self._waiting), None)
        if longest is not None:
            longest.abort()
            self._waiting.pop(longest, None)
        return longest is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget its deadlines."""
        self._waiting.pop(self, None)
        self._stop_receiving()
        self._stop_sending()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._waiting[self] = None
        self._receive_within(self._limits.head_s)

    def data_received(self, data: bytes) -> None:
        """Whatever comes on an idle connection, though it be no head, begins the time of one."""
        super().data_received(data)
        if self in self._waiting and self._receiving is None:
            self._receive_within(self._limits.head_s)

    def on_headers_complete(self) -> None:
        """Expect the body."""
        self._waiting.pop(self, None)
        self._body_is_here = False
        self._receive_within(self._limits.body_deadline_s(self._declared_bytes()))
        super().on_headers_complete()

    def _declared_bytes(self) -> int:
        declared = next((value for name, value in self.headers if name == b"content-length"), b"0")
        # The parser has refused what is no number; the route refuses what is too long for it.
        return min(int(declared), UPDATE_BYTES_MAX)

    def on_message_complete(self) -> None:
        """All of the request is here: what takes time now is ours."""
        self._body_is_here = True
        self._stop_receiving()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Expect the next head, within the time that uvicorn keeps for an idle connection."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
        elif not self.pipeline:
            self._waiting[self] = None
            # Refused before it was all here: the rest is read past, but not for long.
            self._stop_receiving()
            if not self._body_is_here:
                self._receive_within(self._limits.head_s)

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP."""
        super().send_400_response(msg)
        self._close()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was idle for too long."""
        self._close()

    def pause_writing(self) -> None:
        """The peer reads more slowly than we write."""
        super().pause_writing()
        self._send_within_deadline()

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._stop_sending()

    def abort(self) -> None:
        """Let go at once; what the peer has not read is thrown away."""
        peer = self.transport.get_extra_info("socket")
        if peer is not None:
            # Otherwise the kernel keeps megabytes for a peer that may never read them.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def _close(self) -> None:
        # Closing waits for what is written to be read, which may be never.
        self.transport.close()
        self._send_within_deadline()

    def _receive_within(self, seconds: float) -> None:
        self._stop_receiving()
        self._receiving = self.loop.call_later(seconds, self._not_received, seconds)

    def _not_received(self, seconds: float) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._receive_within(seconds)
        else:
            self.abort()

    def _send_within_deadline(self) -> None:
        if self._sending is None:
            n_bytes = self.transport.get_write_buffer_size()
            seconds = self._limits.send_deadline_s(n_bytes)
            self._sending = self.loop.call_later(seconds, self.abort)

    def _stop_receiving(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
