"""How an exported page looks: light or dark as the reader's machine is, on paper, and on a phone."""

from typing import Any, cast

_BASE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2125; --dim: #5c6670; --line: #d8dde2; --soft: #f4f6f8;
  --system: #9a6700; --user: #0b62a8; --assistant: #1a7f37; --bad: #b3261e; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --ink: #dfe3e7; --dim: #98a2ac; --line: #343a41; --soft: #1e2226;
    --system: #d6a64a; --user: #6cb6ff; --assistant: #6bc46d; --bad: #ff8a80; --link: #82b8ff; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 50rem; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: 1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(14rem, 45%), 1fr)); gap: .5rem 1.5rem;
  margin: 0; font-size: .85rem; }
dt { color: var(--dim); }
dd { margin: 0; }
article { border-left: 3px solid var(--line); margin: 0 0 1.75rem; padding-left: 1rem; }
article.system { border-color: var(--system); }
article.user { border-color: var(--user); }
article.assistant { border-color: var(--assistant); }
article.trouble { border-color: var(--bad); }
article.trouble strong { color: var(--bad); }
article.undone { opacity: .6; }
h2 { font-size: .95rem; margin: 0 0 .4rem; text-transform: capitalize; }
h2 em { color: var(--dim); font-weight: normal; text-transform: none; border: 1px solid var(--line);
  border-radius: .6rem; padding: 0 .5rem; font-style: normal; font-size: .8rem; }
small, .mark { color: var(--dim); font-weight: normal; font-size: .8rem; text-transform: none; }
.mark { text-align: center; margin: 0 0 1.75rem; }
.plain { white-space: pre-wrap; }
.text > :first-child { margin-top: 0; }
.text > :last-child { margin-bottom: 0; }
.md h3, .md h4, .md h5, .md h6 { margin: 1.25rem 0 .5rem; line-height: 1.3; }
.md h3 { font-size: 1.25rem; } .md h4 { font-size: 1.1rem; } .md h5, .md h6 { font-size: 1rem; }
a { color: var(--link); }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--dim); }
pre, code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .875em; background: var(--soft); border-radius: .25rem; padding: .1em .3em; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .75rem 1rem;
  overflow-x: auto; font-size: .85rem; line-height: 1.45; overflow-wrap: normal; }
pre code { background: none; padding: 0; font-size: inherit; }
table { border-collapse: collapse; display: block; max-width: 100%; overflow-x: auto; overflow-wrap: normal; }
th, td { border: 1px solid var(--line); padding: .3rem .7rem; text-align: left; }
.center { text-align: center; } .right { text-align: right; }
hr { border: 0; border-top: 1px solid var(--line); }
img { max-width: 100%; height: auto; }
details { margin: .75rem 0; border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .75rem; }
details pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; }
summary { cursor: pointer; }
details.failed > summary code { color: var(--bad); }
.lost { color: var(--bad); }
details.thoughts { color: var(--dim); border-style: dashed; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  h2 { break-after: avoid; } pre, blockquote, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .md a[href]::after { content: " (" attr(href) ")"; color: var(--dim); font-size: .8em; }
}
"""
LIGHT, DARK = "default", "github-dark"


def stylesheet() -> str:
    """Return the whole style of a page, the colours of code included."""
    dark = _code_colours(DARK)
    return f"{_BASE}{_code_colours(LIGHT)}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _code_colours(style: str) -> str:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    formatter = cast("Any", HtmlFormatter)(style=style)
    rules: list[str] = formatter.get_token_style_defs(".md pre")
    return "\n".join(rules)
