"""A session as one HTML page, whoever wrote what is in it."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from llmgine_cli.cli.sanitize import visible
from llmgine_cli.eventlog.views.export.page import as_page
from llmgine_cli.eventlog.views.teller import tell
from llmgine_cli.llm.events import LLMCallFailed
from llmgine_cli.llm.messages import Image, Message, Reasoning, Text, ToolCall, assistant, system, user
from tests.support.hostile import HOSTILE
from tests.support.session import MODEL, Session, call

OURS = frozenset(
    word
    for words in (
        "html head meta title style body header main h1 h2 dl div dt dd article small em time p details summary code",
        "pre strong img h3 h4 h5 h6 a ul ol li table thead tbody tr th td blockquote hr br s span",
    )
    for word in words.split()
)
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "dir", "class", "href", "rel", "title", "start", "alt", "src",
}  # fmt: skip
SAFE_ADDRESS = re.compile(r"https?://|mailto:", re.IGNORECASE)
SUM = call("calculate", "1", {"expression": "2+2"})


class Reader(HTMLParser):
    """What a browser would make of a page, as far as it matters here."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.comments: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def values(self, tag: str, name: str) -> list[str]:
        """Those of an attribute."""
        return [value for found, key, value in self.attributes if (found, key) == (tag, name)]


def page(*messages: Message) -> str:
    return "".join(pieces(*messages))


def pieces(*messages: Message) -> Iterator[str]:
    session = Session(Path())
    for message in messages:
        session.say(message, 0)
    return as_page(tell(session.path), visible)


def everywhere(text: str) -> str:
    """A page that has a text wherever a page can have one."""
    session = Session(Path(), "morning")
    session.say(system(text), 0)
    turn = session.prompt(text, 0)
    tool = ToolCall(id="1", name=text, arguments=text)
    asked = session.ask(turn, 0, model=text)
    answer = Message("assistant", (Reasoning(text=text), Text(text), tool))
    session.answered(turn, asked, answer, 10, 10, reason="tool_calls")
    session.tool_done(session.tool(turn, tool, 20), tool, text, 30, 10)
    failed = {"model": text, "error": text, "error_type": text, "partial": assistant(text)}
    session.write(LLMCallFailed, 40, turn, call_id=asked, duration_ms=10, **failed)
    session.finish(turn, 50, 50, error=text)
    return "".join(as_page(tell(session.path), visible))


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_anybody_wrote_is_html(text: str) -> None:
    found = Reader(everywhere(text))

    assert set(found.tags) <= OURS
    assert {name for _, name, _ in found.attributes} <= ATTRIBUTES
    assert found.comments == []
    assert found.tags.count("title") == found.tags.count("style") == found.tags.count("body") == 1
    assert all(SAFE_ADDRESS.match(address) for address in found.values("a", "href"))
    assert found.values("img", "src") == []


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_it_can_drive_a_terminal_or_turn_the_text_around(text: str) -> None:
    made = everywhere(text)

    assert made == visible(made)


def test_what_was_written_can_be_read(tmp_path: Path) -> None:
    text = 'a <b>&amp; "quoted" </style> \x1b[31m'

    assert Reader(page(user(text))).text.count('a <b>&amp; "quoted" </style> ␛[31m') == 3  # title, heading, message


def test_answers_are_rendered() -> None:
    found = Reader(
        page(
            assistant(
                "# Title\n\n**bold** [link](https://example.org 'hint')\n\n| a | b |\n|:-:|--:|\n| 1 | 2 |\n\n"
                "```python\ndef f(): pass\n```\n\n```nonsense\nx < 1\n```\n\n~~gone~~"
            )
        )
    )

    assert {"h3", "strong", "a", "table", "pre", "s"} <= set(found.tags)
    assert found.values("a", "rel") == ["noopener noreferrer nofollow"]
    assert found.values("th", "class") == ["center", "right"]
    assert "k" in found.values("span", "class")  # a keyword, coloured
    assert "x < 1" in found.text


def test_a_prompt_is_shown_as_it_was_typed() -> None:
    found = Reader(page(user("# no heading\n  **stars**")))

    assert "# no heading\n  **stars**" in found.text
    assert "strong" not in found.tags


def test_pictures_from_elsewhere_are_links_and_our_own_are_in_the_page() -> None:
    png = Image(media_type="image/png", data=b"\x89PNG")
    drawing = Image(media_type="image/svg+xml", data=b"<svg onload='alert(1)'>")
    far = Image(media_type="image/png", url="https://example.org/x.png")

    found = Reader(page(Message("user", (png, drawing, far)), assistant("![cat](https://example.org/cat.png)")))

    assert found.values("img", "src") == ["data:image/png;base64,iVBORw=="]
    assert found.values("a", "href") == ["https://example.org/cat.png"]
    assert "[cat]" in found.text


def test_the_policy_lets_nothing_in_but_the_pages_own_style() -> None:
    made = page(user("hi"))
    style = made.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', made)

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style
    assert made.index("Content-Security-Policy") < made.index("<title>")


def test_tool_calls_fold_and_say_how_they_went(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("2+2?", 0)
    session.answered(turn, session.ask(turn, 0), Message("assistant", (SUM,)), 10, 10, reason="tool_calls")
    session.tool_done(session.tool(turn, SUM, 20), SUM, "division by zero", 30, 10, is_error=True)

    found = Reader("".join(as_page(tell(session.path), visible)))

    assert "call failed" in found.values("details", "class")
    assert 'calculate(expression="2+2")' in found.text
    assert "failed in 10 ms" in found.text


def test_a_block_of_code_beyond_measure_is_left_plain() -> None:
    code = "x = 1\n" * 40_000

    made = page(assistant(f"```python\n{code}```"))

    assert "<span" not in made.partition("<main>")[2]
    assert made.count("x = 1") == 40_000


def test_the_model_and_other_facts_stand_at_the_top(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("hi", 0)
    session.answered(turn, session.ask(turn, 0), "hello", 10, 10)
    session.finish(turn, 10, 10)
    session.end(20)

    text = Reader("".join(as_page(tell(session.path), visible))).text

    assert MODEL in text.partition("hello")[0]
    assert "finished, 1 turn" in text
