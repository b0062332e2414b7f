"""A proxy that adds a credential: the official suite has no option for one.

It puts `Authorization` into each request and changes nothing else: names and order of the headers,
bodies, streams and hang-ups pass as they come. In `Host` and `Origin` its own port becomes the
gateway's, so that what an attacker would send stays as it is.
"""

import asyncio
import threading

HEAD_BYTES_MAX = 64 << 10


class _Broken(Exception):
    """A request that this proxy cannot pass on."""


class InjectingProxy:
    """Listens on a free port of 127.0.0.1, in a thread of its own, until close()."""

    def __init__(self, gateway_port: int, key: str):
        self._gateway_port = gateway_port
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self):
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _end(self):
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """One connection to one connection; the end of either, in any direction, ends both."""
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._gateway_port)
        except OSError:  # The gateway is gone: its client must not wait.
            writer.close()
            return
        directions = [
            asyncio.ensure_future(self._requests(reader, up_writer)),
            asyncio.ensure_future(_pump(up_reader, writer)),
        ]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        for end in (up_writer, writer):
            end.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body_bytes, lines = 0, []
            for line in head[:-4].split(b"\r\n"):
                name, _, value = line.partition(b":")
                name = name.lower()
                if name == b"authorization":
                    continue
                if name in (b"host", b"origin"):
                    line = line.replace(b":%d" % self.port, b":%d" % self._gateway_port)
                elif name == b"content-length":
                    body_bytes = int(value)
                elif name == b"transfer-encoding":
                    raise _Broken("the suite sends no chunked bodies")
                lines.append(line)
            lines.append(b"Authorization: Bearer " + self._key.encode())
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
            writer.write(await reader.readexactly(body_bytes))
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    while data := await reader.read(64 << 10):
        writer.write(data)
        await writer.drain()
