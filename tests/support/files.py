"""A server on loopback that gives one file, in parts if asked, and breaks off when it is told to."""

from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.serving import Serving


class FileServer(Serving):
    """Serves one file at every path.

    Args:
        content: The file.
        cuts: For the first answers, in order: after how many bytes the connection breaks; then nothing breaks.
        etag: Its version; None: the server names none.
        ranges: Whether it gives parts.
        status: The status of every answer, where that is none of a file.
        redirect: Whether a path other than `/moved` is answered with where it has moved to.
        location: Where it has moved to.
        linked: A SHA-256 that the redirect names, as the hub of most models does.

    Attributes:
        url: Of the file.
        asked: The `Range` headers of the requests for the file, in order; None where there was none.
    """

    def __init__(
        self,
        content: bytes,
        *,
        cuts: Sequence[int] = (),
        etag: str | None = '"1"',
        ranges: bool = True,
        status: int | None = None,
        redirect: bool = False,
        location: str = "/moved",
        linked: str | None = None,
    ) -> None:
        self.content = content
        self.cuts = list(cuts)
        self.etag = etag
        self.ranges = ranges
        self.status = status
        self.redirect = redirect
        self.location = location
        self.linked = linked
        self.asked: list[str | None] = []
        server = _Server(("127.0.0.1", 0), _Handler)
        server.files = self
        self.url = f"http://127.0.0.1:{server.server_port}/models/tiny.gguf?download=true"
        super().__init__(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    files: FileServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        files = self.server.files
        if files.redirect and self.path != "/moved":
            self.send_response(302)
            self.send_header("Location", files.location)
            if files.linked:
                self.send_header("X-Linked-ETag", f'"{files.linked}"')
            self.end_headers()
            return
        wanted = self.headers.get("Range")
        files.asked.append(wanted)
        if files.status is not None:
            self.send_error(files.status)
            return
        begin = 0
        same = self.headers.get("If-Range") in (None, files.etag)
        if wanted and files.ranges and same:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(files.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(files.content)}")
                self.end_headers()
                return
        rest = files.content[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(files.content) - 1}/{len(files.content)}")
        if files.etag:
            self.send_header("ETag", files.etag)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: files.cuts.pop(0)] if files.cuts else rest)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server calls it so
        """Say nothing."""
