"""A proxy that adds a credential, for which the official suite has no option, and that balances
load at random over several gateways, where there are several.

It puts `Authorization` into each request and changes nothing else: names and order of the headers,
bodies, streams and hang-ups pass as they come. In `Host` and `Origin` its own port becomes the
gateway's, so that what an attacker would send stays as it is. In front of several gateways each
request is a connection of its own, so that no two of a client meet the same one but by chance; one
that is gone is passed over.
"""

import asyncio
import random
import threading

HEAD_BYTES_MAX = 64 << 10


class _Broken(Exception):
    """A request that this proxy cannot pass on."""


class InjectingProxy:
    """Listens on a free port of 127.0.0.1, in a thread of its own, until close()."""

    def __init__(self, gateway_ports: list[int], key: str, on_body=lambda body: None):
        """`on_body` is told each body before it is passed on."""
        self._on_body = on_body
        self._gateway_ports = gateway_ports
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
        connected = await self._connect()
        if connected is None:  # All are gone: their client must not wait.
            writer.close()
            return
        port, up_reader, up_writer = connected
        directions = [
            asyncio.ensure_future(self._requests(reader, up_writer, port)),
            asyncio.ensure_future(_pump(up_reader, writer)),
        ]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        for end in (up_writer, writer):
            end.close()

    async def _connect(self):
        for port in random.sample(self._gateway_ports, len(self._gateway_ports)):
            try:
                return port, *await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
        return None

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port):
        balances = len(self._gateway_ports) > 1
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body_bytes, lines = 0, []
            for line in head[:-4].split(b"\r\n"):
                name, _, value = line.partition(b":")
                name = name.lower()
                if name == b"authorization" or (balances and name == b"connection"):
                    continue
                if name in (b"host", b"origin"):
                    line = line.replace(b":%d" % self.port, b":%d" % port)
                elif name == b"content-length":
                    body_bytes = int(value)
                elif name == b"transfer-encoding":
                    raise _Broken("the suite sends no chunked bodies")
                lines.append(line)
            lines.append(b"Authorization: Bearer " + self._key.encode())
            if balances:
                lines.append(b"Connection: close")
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
            body = await reader.readexactly(body_bytes)
            self._on_body(body)
            writer.write(body)
            await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
    while data := await reader.read(64 << 10):
        writer.write(data)
        await writer.drain()
