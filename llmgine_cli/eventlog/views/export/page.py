"""A story as one HTML page that needs nothing else: no script, no request, its style inside.

Nothing that a model, a tool or a person wrote is HTML in it. Should anything slip through all the same, the page's own
content security policy lets no script run and no address be fetched.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from html import escape

from llmgine_cli.eventlog.describe import duration
from llmgine_cli.eventlog.views.export.openai import data_url
from llmgine_cli.eventlog.views.export.render import Markup
from llmgine_cli.eventlog.views.export.style import stylesheet
from llmgine_cli.eventlog.views.export.words import call_and_outcome, facts_of, heading_of, moment, session_facts
from llmgine_cli.eventlog.views.story import Item, Mark, Said, Story, ToolUse, Trouble, plain_text
from llmgine_cli.llm.messages import Image

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def as_page(story: Story, safe: Callable[[str], str]) -> Iterator[str]:
    """Return the story as pieces of a page.

    Args:
        story: The session.
        safe: Makes control characters and those that turn the direction of text visible.
    """
    return _Page(story, safe).pieces()


def policy(style: str) -> str:
    """Return the content security policy of a page with this style: nothing else is allowed."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


class _Page:
    def __init__(self, story: Story, safe: Callable[[str], str]) -> None:
        self._story = story
        self._safe = safe
        self._markup = Markup()

    def pieces(self) -> Iterator[str]:
        story, style = self._story, stylesheet()
        title = self._text(heading_of(story))
        yield (
            "<!doctype html>\n"
            '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy(style)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        )
        facts = "".join(
            f"<div><dt>{name}</dt><dd>{self._text(value)}</dd></div>" for name, value in session_facts(story)
        )
        yield f'<header>\n<h1 dir="auto">{title}</h1>\n<dl>{facts}</dl>\n</header>\n<main>\n'
        for item in story.items:
            yield self._item(item) + "\n"
        yield "</main>\n</body>\n</html>\n"

    def _item(self, item: Item) -> str:
        match item:
            case Said():
                return self._said(item)
            case ToolUse():
                return f'<article class="tool">{self._tool(item)}</article>'
            case Trouble():
                return self._trouble(item)
            case Mark():
                return f'<p class="mark">{self._text(item.text)} · {_time(item.time_ns)}</p>'

    def _said(self, said: Said) -> str:
        role = said.message.role
        notes = "".join(f" <em>{note}</em>" for note, so in (("aside", said.aside), ("taken back", said.undone)) if so)
        facts = "".join(f" · {self._text(fact)}" for fact in facts_of(said.facts))
        parts = [f"<h2>{role}{notes} <small>{_time(said.time_ns)}{facts}</small></h2>"]
        if said.reasoning:
            parts.append(_folded("Thoughts", self._plain(said.reasoning), "thoughts"))
        if text := plain_text(said.message):
            parts.append(self._rendered(text) if role == "assistant" else self._plain(text))
        parts += [self._picture(part) for part in said.message.parts if isinstance(part, Image)]
        parts += [self._tool(use) for use in said.tools]
        undone = " undone" if said.undone else ""
        return f'<article class="{role}{undone}">\n' + "\n".join(part for part in parts if part) + "\n</article>"

    def _tool(self, use: ToolUse) -> str:
        name, outcome = call_and_outcome(use)
        failed = use.result is None or use.result.is_error
        title = f"<code>{self._text(name)}</code> <small>{self._text(outcome)}</small>"
        body = f"<p>Printed:</p>\n{self._code(use.printed)}" if use.printed.strip() else ""
        if use.result is None:
            body += '<p class="lost">no result: the log ends before there was one</p>'
        else:
            body += self._code(use.result.content)
        return _folded(title, body, "call failed" if failed else "call")

    def _trouble(self, trouble: Trouble) -> str:
        after = f" after {duration(trouble.duration_ms)}" if trouble.duration_ms is not None else ""
        head = f"<strong>{trouble.kind.capitalize()}{after}</strong> {self._text(trouble.text)}"
        head += f" <small>{_time(trouble.time_ns)}</small>"
        had = ""
        if trouble.partial is not None and (text := plain_text(trouble.partial)):
            had = _folded("What had come", self._plain(text), "thoughts")
        return f'<article class="trouble {trouble.kind}"><p>{head}</p>{had}</article>'

    def _picture(self, image: Image) -> str:
        if image.data is None or image.media_type not in PICTURES:
            return ""
        return f'<img alt="" src="{data_url(image.media_type, image.data)}">'

    def _rendered(self, markdown: str) -> str:
        return f'<div class="text md" dir="auto">{self._markup.render(self._safe(markdown))}</div>'

    def _plain(self, text: str) -> str:
        return f'<div class="text plain" dir="auto">{self._text(text)}</div>'

    def _code(self, text: str) -> str:
        return f'<pre dir="auto">{self._text(text)}</pre>'

    def _text(self, text: str) -> str:
        return escape(self._safe(text).strip("\n"))


def _folded(title: str, body: str, kind: str) -> str:
    return f'<details class="{kind}"><summary>{title}</summary>\n{body}\n</details>'


def _time(time_ns: int) -> str:
    return f"<time>{moment(time_ns)}</time>"
