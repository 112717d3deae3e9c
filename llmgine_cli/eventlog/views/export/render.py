"""Markdown of strangers as HTML that does nothing: no tags of theirs, no pictures from elsewhere, no odd addresses."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

LONGEST_CODE = 100_000  # letters of a code block that is coloured; what is longer stands plain
LOWER = 2  # levels by which headings step down: the page has its own
_ADDRESS = re.compile(r"https?://|mailto:", re.IGNORECASE)


class Markup:
    """Renders markdown; what is HTML in it is shown as it was written."""

    def __init__(self) -> None:
        self._parser = _Parser("commonmark", {"html": False, "highlight": coloured}, renderer_cls=_Renderer)
        self._parser.enable(["table", "strikethrough"])

    def render(self, text: str) -> str:
        """Return the HTML of a markdown text."""
        html: str = self._parser.render(text)
        return html


class _Parser(MarkdownIt):
    """Makes links of addresses on the web and of mail only: no scripts, no files, nothing beside the page."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 -- markdown-it calls it so
        return _ADDRESS.match(url) is not None


class _Renderer(RendererHTML):
    """As markdown-it renders, with links that tell nobody where they were clicked, and no picture fetched."""

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, _env: MutableMapping[str, Any]) -> str:
        tokens[idx].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, idx, options, _env)

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]) -> str:
        """A picture from elsewhere would tell its owner that somebody reads this: it is a link."""
        token = tokens[idx]
        words = self.renderInlineAsText(token.children or [], options, env) or "picture"
        address = str(token.attrs.get("src", ""))
        return f'<a rel="noopener noreferrer nofollow" href="{escape(address)}">[{escape(words)}]</a>'

    def heading_open(self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]) -> str:
        _lower(tokens[idx])
        return self.renderToken(tokens, idx, options, env)

    def heading_close(self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]) -> str:
        _lower(tokens[idx])
        return self.renderToken(tokens, idx, options, env)

    def td_open(self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]) -> str:
        _align(tokens[idx])
        return self.renderToken(tokens, idx, options, env)

    def th_open(self, tokens: Sequence[Token], idx: int, options: Any, env: MutableMapping[str, Any]) -> str:
        _align(tokens[idx])
        return self.renderToken(tokens, idx, options, env)


def coloured(code: str, language: str, _: Any = None) -> str:
    """Return code as HTML with a class for each kind of word; empty when the language is unknown."""
    if not language or len(code) > LONGEST_CODE:
        return ""
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return ""
    html: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return html


def _lower(token: Token) -> None:
    token.tag = f"h{min(6, int(token.tag[1:]) + LOWER)}"


def _align(token: Token) -> None:
    """Say with a class what markdown-it says with a style, which the page's policy would not let through."""
    style: Mapping[str, Any] = token.attrs
    side = str(style.get("style", "")).removeprefix("text-align:")
    token.attrs.pop("style", None)
    if side in ("center", "right"):
        token.attrSet("class", side)
