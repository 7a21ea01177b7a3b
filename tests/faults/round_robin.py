"""A plain HTTP proxy: every request goes to the next replica, whoever served the one before."""

import asyncio
import itertools
from collections.abc import Sequence

from tests.faults.background import Background
from tests.faults.http_messages import BrokenExchangeError, Connections, read_message

BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n{}"


class RoundRobin:
    """Listens on `port`; ports: of the replicas. `served` counts requests by replica."""

    def __init__(self, background: Background, ports: Sequence[int]) -> None:
        self.served = [0] * len(ports)
        self._background = background
        self._replicas = [Connections("127.0.0.1", port) for port in ports]
        self._next = itertools.cycle(range(len(ports)))
        self._open: set[asyncio.StreamWriter] = set()
        self._server = background.call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and close every connection."""
        self._background.call(self._close())

    async def _close(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        for replica in self._replicas:
            replica.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                asked = await read_message(reader)
                writer.write(await self._answer(asked.head + asked.body))
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, asked: bytes) -> bytes:
        number = next(self._next)
        self.served[number] += 1
        try:
            answer = await self._replicas[number].exchange(asked)
        except BrokenExchangeError:
            return BAD_GATEWAY
        return answer.head + answer.body
