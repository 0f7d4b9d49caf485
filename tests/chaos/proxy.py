"""A TCP proxy between one role and one server, which can be cut, stalled or slowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

PIECE = 64 * 1024


class Proxy:
    """Listens on its own port and passes bytes to ``far()``, the server's current port."""

    def __init__(self, far: Callable[[], int]) -> None:
        self._far = far
        self._flows = asyncio.Event()
        self._flows.set()
        self._cut = False
        self._delay_s = 0.0
        self._talks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Start to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end all connections."""
        assert self._server
        self._server.close()
        await self._end_talks()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._cut = True
        await self._end_talks()

    def stall(self) -> None:
        """Pass nothing in either direction and keep connections open, like a network partition."""
        self._flows.clear()

    def slow(self, seconds: float) -> None:
        """Delay each chunk by the given seconds."""
        self._delay_s = seconds

    def heal(self) -> None:
        """Pass bytes normally again."""
        self._cut, self._delay_s = False, 0.0
        self._flows.set()

    async def _end_talks(self) -> None:
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes both ways until one side ends. Then both are cut, as when a process is killed."""
        far: asyncio.StreamWriter | None = None
        try:
            if self._cut:
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._far())
            ways = [
                asyncio.ensure_future(self._pass(reader, far)),
                asyncio.ensure_future(self._pass(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the server is down: the client sees its connection closed
        finally:
            for side in (writer, far):
                if side is not None:
                    side.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flows.wait()
                writer.write(piece)
                await writer.drain()
            # The last bytes must arrive before both ends are cut.
            if not writer.is_closing():
                writer.write_eof()
                await asyncio.sleep(0.05)
