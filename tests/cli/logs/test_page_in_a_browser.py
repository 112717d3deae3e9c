"""An exported page in a real browser: harmless whoever wrote what is in it, in shape on a phone, light and dark."""

import json
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from llmgine_cli.llm.messages import Image, Message, Text, assistant, user
from tests.support.browser import Browser, installed
from tests.support.hostile import HOSTILE
from tests.support.program import Program
from tests.support.session import Session, call

PROGRAM = installed()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no browser here: install chromium")

SCRIPT = "<script>document.title='pwned'; new Image().src='/stolen-by-script'</script>"
PICTURE = "<img src='/stolen-by-picture' onerror=\"document.title='pwned'\">"
ANSWER = (
    "# Title\n\nA long word: " + "x" * 300 + "\n\n```python\n" + "value = 'long line' + " * 30 + "1\n```\n\n"
    "| " + " | ".join(f"column {number}" for number in range(20)) + " |\n" + "|---" * 20 + "|\n"
)  # fmt: skip
# What a page measures of another one that stands in it.
RULER = """<!doctype html><iframe id=f style="width:%dpx;height:800px;border:0" src="/page"></iframe><script>
f.onload = () => {
  const page = f.contentDocument, style = (name) => getComputedStyle(page.querySelector(name) || page.body);
  const wide = [...page.querySelectorAll('article')].map((one) => one.scrollWidth - one.clientWidth);
  document.title = JSON.stringify({
    title: page.title, overflow: page.documentElement.scrollWidth - f.clientWidth, wide: Math.max(...wide),
    user: style('article.user').borderLeftWidth, body: style('body').backgroundColor, ink: style('body').color,
    keyword: style('.md pre .k').color, pictures: page.images.length,
    loaded: [...page.images].filter((one) => one.naturalWidth > 0).length,
    scripts: page.scripts.length, folded: page.querySelectorAll('details:not([open])').length,
  });
};
</script>"""


def png(colour: bytes = b"\xff\0\0") -> bytes:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" + colour))
        + chunk(b"IEND", b"")
    )


class Site:
    """Serves pages on the loopback, and remembers what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                body = site.pages.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    assert PROGRAM is not None
    return Browser(PROGRAM, tmp_path / "profile")


def title(document: str) -> str:
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    return unescape(found[1]) if found else ""


def measured(browser: Browser, site: Site, width: int, *flags: str) -> dict[str, object]:
    """What the ruler says of the page."""
    site.pages["/ruler"] = RULER % width
    found: dict[str, object] = json.loads(title(browser.document(f"{site.url}/ruler", *flags)))
    return found


@pytest.fixture
def hostile(cli: Program, home: Path) -> str:
    """The page of a session in which everybody says everything that is evil."""
    session = Session(home / "state" / "logs")
    session.say(user("a question"), 0)
    for text in (*HOSTILE, SCRIPT, PICTURE, "![x](/stolen-by-markdown) ![x](http://127.0.0.1:9/x)"):
        session.say(user(text), 0)
        session.say(Message("assistant", (Text(text), call(text, "1", {text: text}))), 0)
        session.tool_done(session.tool(None, call(text), 0), call(text), text, 10, 10)
    done = cli("logs", "export", "--format", "html")
    assert done.code == 0
    return done.stdout


def test_a_hostile_session_does_nothing(browser: Browser, site: Site, hostile: str) -> None:
    site.pages["/page"] = hostile

    document = browser.document(f"{site.url}/page")

    assert title(document) == "a question"
    assert document.count("<script") == 0
    assert set(site.asked) <= {"/page", "/favicon.ico"}


def test_what_is_checked_here_would_be_seen(browser: Browser, site: Site) -> None:
    site.pages["/page"] = f"<title>a question</title>{SCRIPT}{PICTURE}"

    assert title(browser.document(f"{site.url}/page")) == "pwned"
    assert {"/stolen-by-script", "/stolen-by-picture"} <= set(site.asked)


def test_what_slipped_through_would_be_stopped_by_the_pages_policy(browser: Browser, site: Site, hostile: str) -> None:
    slipped = f"{SCRIPT}{PICTURE}<style>body {{ display: none }}</style><link rel=stylesheet href=/stolen-by-link>"
    site.pages["/page"] = hostile.replace("<main>", f"<main>{slipped}")

    document = browser.document(f"{site.url}/page")

    assert "stolen-by-script" in document  # it is there, and does nothing
    assert title(document) == "a question"
    assert set(site.asked) <= {"/page", "/favicon.ico"}
    assert measured(browser, site, 800)["body"] == "rgb(255, 255, 255)"


@pytest.fixture
def page(cli: Program, home: Path) -> str:
    session = Session(home / "state" / "logs")
    picture = Image(media_type="image/png", data=png())
    session.say(Message("user", (Text("look\n" + "y" * 400), picture)), 0)
    one = call("calculate", "1", {"expression": "z" * 300})
    session.say(Message("assistant", (Text(ANSWER), one)), 0)
    session.tool_done(session.tool(None, one, 0), one, "w" * 500, 10, 10)
    session.say(assistant("```python\ndef f(): return 1\n```"), 20)
    return cli("logs", "export", "--format", "html").stdout


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_a_page_fits_a_phone_and_a_desk(browser: Browser, site: Site, page: str, width: int) -> None:
    site.pages["/page"] = page

    found = measured(browser, site, width)

    assert (found["overflow"], found["wide"]) == (0, 0)
    assert found["user"] == "3px"  # the style passed the policy
    assert (found["pictures"], found["loaded"], found["scripts"], found["folded"]) == (1, 1, 0, 1)


def test_a_page_is_light_or_dark_as_the_readers_machine_is(browser: Browser, site: Site, page: str) -> None:
    site.pages["/page"] = page

    light = measured(browser, site, 800, "--blink-settings=preferredColorScheme=1")
    dark = measured(browser, site, 800, "--blink-settings=preferredColorScheme=0")

    assert (light["body"], light["ink"]) == ("rgb(255, 255, 255)", "rgb(29, 33, 37)")
    assert (dark["body"], dark["ink"]) == ("rgb(20, 23, 26)", "rgb(223, 227, 231)")
    assert light["keyword"] != dark["keyword"]


def test_there_is_something_to_see(browser: Browser, tmp_path: Path, page: str) -> None:
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")

    picture = browser.picture(file.as_uri(), tmp_path / "page.png", 390, 800)

    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (390, 800)
    assert len(set(_pixels(picture))) > 16


def _pixels(picture: bytes) -> Iterator[bytes]:
    """The bytes of a PNG's rows as they are filtered: a blank page has hardly two kinds."""
    at, data = 8, b""
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4], "big")
        if picture[at + 4 : at + 8] == b"IDAT":
            data += picture[at + 8 : at + 8 + size]
        at += size + 12
    rows = zlib.decompress(data)
    return (rows[at : at + 3] for at in range(0, len(rows), 3))
