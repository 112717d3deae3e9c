"""A server of a test's own on loopback, which runs in a thread until the block is left."""

import threading
from socketserver import TCPServer
from types import TracebackType
from typing import Self


class Serving:
    """Serves from the moment it is made.

    Args:
        server: Bound, and not serving yet.

    Attributes:
        closing: Set when the block is left: what hangs may end.
    """

    def __init__(self, server: TCPServer) -> None:
        self.closing = threading.Event()
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
