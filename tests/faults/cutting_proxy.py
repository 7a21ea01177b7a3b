"""A TCP proxy between the service and its database that can cut a connection at a chosen byte."""

import asyncio
from collections.abc import Callable

from tests.faults.background import Background

# Simple-query messages of the wire protocol, as drivers send them.
COMMIT = b"COMMIT;\x00"
Cut = Callable[[bytes], bool]
Far = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Passing = "asyncio.Task[None]"


class CuttingProxy:
    """Passes bytes on, until one of `cut_before` or `cut_behind` says of what a client sends: cut.

    cut_before: the bytes are not passed on. cut_behind: they are, the server's answer is awaited
    and thrown away, so that what they asked for has happened and nobody was told. Both forget
    themselves once they have cut; `cuts` counts.
    """

    def __init__(self, background: Background, host: str, port: int) -> None:
        self.cut_before: Cut | None = None
        self.cut_behind: Cut | None = None
        self.cuts = 0
        self._target = host, port
        self._writers: set[asyncio.StreamWriter] = set()
        self._background = background
        self._server = background.call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut_all(self) -> None:
        """Reset every connection now."""
        self._background.call(self._reset())

    def close(self) -> None:
        """Stop listening, and reset what is open."""
        self._background.call(self._close())

    async def _close(self) -> None:
        self._server.close()
        await self._reset()

    async def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        back = asyncio.create_task(_pass_on(far_reader, writer))
        try:
            await self._forward(reader, (far_reader, far_writer), back)
        except OSError:
            pass
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            for end in ends:
                end.transport.abort()
            self._writers -= ends

    async def _forward(self, reader: asyncio.StreamReader, far: Far, back: Passing) -> None:
        far_reader, far_writer = far
        while chunk := await reader.read(1 << 16):
            if self.cut_before is not None and self.cut_before(chunk):
                self.cut_before = None
                self.cuts += 1
                return
            behind = self.cut_behind is not None and self.cut_behind(chunk)
            if behind:
                self.cut_behind = None
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
            far_writer.write(chunk)
            await far_writer.drain()
            if behind:
                await asyncio.wait_for(far_reader.read(1 << 16), 10)
                self.cuts += 1
                return


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        writer.close()
    except OSError:  # a reset on one side is a reset on the other
        writer.transport.abort()
