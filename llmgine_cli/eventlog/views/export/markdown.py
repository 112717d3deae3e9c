"""A story as markdown that reads well on GitHub: what people said is quoted, answers stand as the model wrote them."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from llmgine_cli.eventlog.describe import duration
from llmgine_cli.eventlog.views.export.words import call_and_outcome, facts_of, heading_of, moment, session_facts
from llmgine_cli.eventlog.views.story import Item, Mark, Said, Story, ToolUse, Trouble, plain_text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# What would begin an HTML tag or comment: unclosed, it would swallow what follows. Addresses in <…> are none.
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?![A-Za-z][A-Za-z0-9+.-]+:[^\s<>]*>)")
# At the beginning of a line it begins a block of HTML, even inside what would be a code span else.
_AT_MARGIN = re.compile(rf"^([ \t>*+.)0-9-]*){_TAG.pattern}", re.MULTILINE)
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_PUNCTUATION = re.compile(r"([\\`*_\[\]|~<>&])")


def as_markdown(story: Story, safe: Callable[[str], str]) -> Iterator[str]:
    """Return the story as pieces of markdown.

    Args:
        story: The session.
        safe: Makes characters that could drive a terminal visible.
    """
    yield f"# {_plain(safe(heading_of(story)))}\n"
    for name, value in session_facts(story):
        yield f"\n- **{name}:** {_plain(safe(value))}"
    yield "\n"
    for item in story.items:
        yield "\n" + "\n\n".join(part for part in _item(item, safe) if part) + "\n"


def _item(item: Item, safe: Callable[[str], str]) -> Iterator[str]:
    match item:
        case Said():
            yield from _said(item, safe)
        case ToolUse():
            yield _tool(item, safe)
        case Trouble():
            yield from _trouble(item, safe)
        case Mark():
            yield f"---\n\n*{_plain(item.text)}, {moment(item.time_ns)}*"


def _said(said: Said, safe: Callable[[str], str]) -> Iterator[str]:
    notes = "".join(f" *({note})*" for note, so in (("aside", said.aside), ("taken back", said.undone)) if so)
    yield f"## {said.message.role.capitalize()}{notes}"
    yield f"<sub>{_html(safe(' · '.join([moment(said.time_ns), *facts_of(said.facts)])))}</sub>"
    if said.reasoning:
        yield folded("Thoughts", quoted(contained(safe(said.reasoning))))
    if text := safe(plain_text(said.message)):
        yield contained(text) if said.message.role == "assistant" else quoted(contained(text))
    for use in said.tools:
        yield _tool(use, safe)


def _tool(use: ToolUse, safe: Callable[[str], str]) -> str:
    name, outcome = call_and_outcome(use)
    title = f"<code>{_html(safe(name))}</code> · {_html(outcome)}"
    blocks = [f"Printed:\n\n{fenced(safe(use.printed))}"] if use.printed.strip() else []
    if use.result is not None:
        blocks.append(fenced(safe(use.result.content)))
    return folded(title, "\n\n".join(blocks) or "*no result: the log ends before there was one*")


def _trouble(trouble: Trouble, safe: Callable[[str], str]) -> Iterator[str]:
    after = f" after {duration(trouble.duration_ms)}" if trouble.duration_ms is not None else ""
    yield f"> **{trouble.kind.capitalize()}{after}:** {_plain(safe(' '.join(trouble.text.split())))}"
    if trouble.partial is not None and (text := plain_text(trouble.partial)):
        yield folded("What had come", quoted(contained(safe(text))))


def folded(title: str, body: str) -> str:
    """Return a part that is closed until somebody opens it; the title is HTML, the body markdown."""
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def quoted(text: str) -> str:
    """Return markdown as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def fenced(text: str) -> str:
    """Return text as a code block, whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text.strip(chr(10))}\n{fence}"


def contained(text: str) -> str:
    """Return somebody's markdown so that it ends where it ends: fences closed, tags and comments as text."""
    lines = text.split("\n")
    fence = ""
    code: set[int] = set()
    for token in _blocks().parse(text):
        if token.type in ("fence", "code_block") and token.map:
            code |= set(range(*token.map))
            if token.level == 0 and token.type == "fence":
                fence = "" if _closes(lines, token.map, token.markup) else token.markup
    found: list[str] = []
    for is_code, numbers in groupby(range(len(lines)), code.__contains__):
        part = "\n".join(lines[number] for number in numbers)
        found.append(part if is_code else _without_tags(part))
    return "\n".join([*found, fence] if fence else found)


@lru_cache(maxsize=1)
def _blocks() -> "MarkdownIt":
    """Return what finds blocks, and nothing inside them."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("inline")


def _closes(lines: list[str], place: list[int], markup: str) -> bool:
    """Whether the last line of a code block ends it, rather than being code."""
    last = lines[place[1] - 1].strip()
    return place[1] - place[0] > 1 and last.startswith(markup) and not last.strip(markup[0])


def _without_tags(prose: str) -> str:
    """Return markdown without HTML: what would be a tag is shown as it was written."""
    pieces: list[str] = []
    at = 0
    for code in _CODE_SPAN.finditer(prose):
        pieces += [_TAG.sub("&lt;", prose[at : code.start()]), _AT_MARGIN.sub(r"\1&lt;", code[0])]
        at = code.end()
    return "".join([*pieces, _TAG.sub("&lt;", prose[at:])])


def _plain(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def _html(text: str) -> str:
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
