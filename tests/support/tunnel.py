"""What may stand between a program and a server, for real and on loopback: TLS, a proxy, or headers that drip."""

import contextlib
import re
import select
import socket
import socketserver
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.serving import Serving

CERTIFICATE = Path(__file__).parent / "tls" / "acme.pem"  # self-made, for acme.test, localhost and 127.0.0.1
_KEY = CERTIFICATE.with_name("key.pem")


class Tunnel(Serving):
    """Takes connections and passes what comes on to a server on loopback.

    Args:
        port: Where the server listens.
        tls: Speak TLS with the client, with a certificate that nobody trusts unless told to.
        proxy: Be a proxy: the client says first whom it wants, by `CONNECT` or by a full address, and gets the server.
        refuse: As a proxy, refuse with this status line, as `407 Proxy Authentication Required`.

    Attributes:
        port: Where it listens itself.
        asked: The first lines of the requests that a proxy was sent.
        connections: How many were made.
    """

    def __init__(self, port: int, *, tls: bool = False, proxy: bool = False, refuse: str | None = None) -> None:
        self.target = ("127.0.0.1", port)
        self.proxy = proxy
        self.refuse = refuse
        self.asked: list[str] = []
        self.connections = 0
        self.context: ssl.SSLContext | None = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(CERTIFICATE, _KEY)
        server = _Server(self)
        self.port: int = server.server_address[1]
        super().__init__(server)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.tunnel = tunnel
        self.open: set[socket.socket] = set()

    def server_close(self) -> None:
        """Hang up on everybody first, for nobody else would end their connections."""
        for each in list(self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        tunnel = self.server.tunnel
        tunnel.connections += 1
        with contextlib.suppress(OSError):  # the client went away, or would not have our certificate
            client = self.request
            if tunnel.context is not None:
                client = tunnel.context.wrap_socket(client, server_side=True)
            self.server.open.add(client)
            try:
                self._serve(client)
            finally:
                self.server.open.discard(client)
                client.close()

    def _serve(self, client: socket.socket) -> None:
        first = self._head(client) if self.server.tunnel.proxy else b""
        if first is not None:
            with socket.create_connection(self.server.tunnel.target) as upstream:
                upstream.sendall(first)
                _pump(client, upstream)

    def _head(self, client: socket.socket) -> bytes | None:
        """Read the head of a request to a proxy; return what the server is to get of it, or None for nothing."""
        data = b""
        while b"\r\n\r\n" not in data and (more := client.recv(65536)):
            data += more
        line = data.partition(b"\r\n")[0].decode()
        self.server.tunnel.asked.append(line)
        if self.server.tunnel.refuse:
            client.sendall(f"HTTP/1.1 {self.server.tunnel.refuse}\r\nContent-Length: 0\r\n\r\n".encode())
            return None
        if line.startswith("CONNECT "):
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return b""
        return re.sub(rb"^(\w+) http://[^/ ]+", rb"\1 ", data)


def _pump(client: socket.socket, upstream: socket.socket) -> None:
    """Carry bytes both ways until one side hangs up."""
    other = {client: upstream, upstream: client}
    while True:
        ready = [client] if isinstance(client, ssl.SSLSocket) and client.pending() else []
        for one in ready or select.select([client, upstream], [], [])[0]:
            data = one.recv(65536)
            if not data:
                return
            other[one].sendall(data)


class Dripping:
    """A server that sends its answer byte by byte, and never gets to the end.

    Args:
        begin: What comes at once; default: a part of the head.

    Attributes:
        url: Its base URL.
        hung_up: Set when the client went away.
    """

    def __init__(self, begin: bytes = b"HTTP/1.1 200 OK\r\nX-Slow: ") -> None:
        self.hung_up = threading.Event()
        self._begin = begin
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                client, _ = self._listener.accept()
                with client:
                    self._drip(client)

    def _drip(self, client: socket.socket) -> None:
        try:
            client.recv(65536)
            client.sendall(self._begin)
            while not self._stop.wait(0.02):
                client.sendall(b"z")
        except OSError:
            self.hung_up.set()
