"""HTTP/1.1 over bare streams: so little that hundreds of devices cost the machine next to nothing.

Every message carries its length, as the service's do; nothing is chunked.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

ANSWER_S = 20.0


class BrokenExchangeError(Exception):
    """The connection ended, or stayed silent, before the answer was whole."""


@dataclass(frozen=True)
class Message:
    """head: the first line and the headers, to the empty line. body: `Content-Length` bytes."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.head.split(b" ", 2)[1])

    @property
    def closes(self) -> bool:
        """Whether the sender closes the connection behind this message."""
        return b"\r\nconnection: close" in self.head.lower()


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message.

    Raises: asyncio.IncompleteReadError, OSError.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return Message(head, await reader.readexactly(length) if length else b"")


def request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: service", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connections:
    """Kept-alive connections to one address, at most `most` at a time."""

    def __init__(self, host: str, port: int, most: int = 32) -> None:
        self.host, self.port = host, port
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self._room = asyncio.Semaphore(most)

    async def exchange(self, sent: bytes, answer_s: float = ANSWER_S) -> Message:
        """Send one request and read its answer.

        Raises: BrokenExchangeError; whether the request took effect is unknown then.
        """
        async with self._room:
            try:
                async with asyncio.timeout(answer_s):
                    return await self._exchange(sent)
            except (OSError, EOFError, TimeoutError) as error:
                raise BrokenExchangeError(type(error).__name__) from error

    async def _exchange(self, sent: bytes) -> Message:
        reader, writer = await self._connection()
        try:
            writer.write(sent)
            await writer.drain()
            answer = await read_message(reader)
        except BaseException:
            writer.transport.abort()
            raise
        if answer.closes:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.popleft()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.popleft()[1].close()
