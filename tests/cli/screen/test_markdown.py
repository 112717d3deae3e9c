import io
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown

from llmgine_cli.cli.screen.blocks import Block, Outline
from llmgine_cli.cli.screen.markdown import MarkdownStream

ROOM = 23
BLOCKS = [
    "# A heading with **bold** in it",
    "Setext\n======",
    "### Third `level`",
    "A paragraph with **bold**, *italic*, `code`, ~~struck~~ and a\nsoft break.  \nA hard break.",
    'A link to [a page](http://x.y/z "title"), and <http://auto.link>.',
    "A word " + "and another one " * 30,
    "- one\n- two **bold**\n  - nested\n    1. deep\n    2. deeper\n- three",
    "* loose\n\n* items\n\n  with a second paragraph",
    "1. a\n2. b\n\n   ```python\n   x = 1\n   ```\n3. c",
    "\n".join(f"{number}. item" for number in range(8, 13)),
    "7) other mark\n8) next",
    "> quoted\nlazily\n>\n> - list in it\n> > deeper",
    "| a | b |\n|---|--:|\n| 1 | 2 |\n| a long cell | `3` |",
    "```python\ndef f():\n    '''doc\n\n    string'''\n\treturn 1   \n\n\n```",
    "~~~\nno language\n```\n~~~",
    "```nosuchlanguage\nx\n```",
    "```\n```",
    "````md\n```\ninner\n```\n````",
    "  ```js\n  indented fence\n    more\n  ```",
    "    indented code\n\n    more of it",
    "---",
    "***",
    "<div>html</div>",
    "Text with <kbd>Ctrl</kbd> and &amp; and \\*escapes\\*.",
    "日本語の文章です。絵文字 👩‍👩‍👧 も。",
    "[x]: http://defined.before/use",
    "Use of [x] and [none].",
    "[y]: http://defined.in/pieces\n\nUse of [y] at once.\n\n[y]: http://defined.again",
    "-",
    "1.",
    "**never closed",
    "`never closed",
    "```python\nnever closed\n\n",
]


def console(width: int) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width, height=24, markup=False,
        emoji=False, highlight=False,
    )  # fmt: skip


def plain(rows: Sequence[str]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", row).rstrip() for row in rows]


def at_once(text: str, width: int) -> list[str]:
    target = console(width)
    block = Block([token for tokens in Outline().blocks(text.split("\n"), {}) for token in tokens], gap=False)
    target.print(block)
    assert isinstance(target.file, io.StringIO)
    return plain(target.file.getvalue().split("\n"))[:-1]


def by_rich(text: str, width: int) -> list[str]:
    target = console(width)
    target.print(Markdown(text, hyperlinks=False))
    assert isinstance(target.file, io.StringIO)
    return plain(target.file.getvalue().split("\n"))[:-1]


def streamed(text: str, width: int, cuts: Sequence[int], room: int = ROOM) -> list[str]:
    stream = MarkdownStream(console(width))
    rows: list[str] = []
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        stream.feed(text[begin:end])
        final, _ = stream.update(room)
        rows += final
    return plain(rows + stream.close())


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_block_that_comes_letter_by_letter_looks_as_the_whole_at_once(block: str, width: int) -> None:
    assert streamed(block, width, range(1, len(block)), room=1000) == at_once(block, width)


AS_RICH = [block for block in BLOCKS if not re.search(r"```|~~~|^    |\n\S|<div|^\d+\. a", block) or "---" in block]


@pytest.mark.parametrize("block", AS_RICH)
@pytest.mark.parametrize("width", [20, 80, 200])
def test_what_is_neither_code_nor_html_nor_has_line_breaks_looks_as_rich_shows_it(block: str, width: int) -> None:
    assert at_once(block, width) == by_rich(block, width)


def test_html_is_text_and_nothing_of_it_is_lost() -> None:
    text = "Put a <div> in the <body>; List<String> x, <your-name>, <!-- note -->, a<b and b>c.\n\n<p>\n**bold**\n</p>"
    assert at_once(text, 200) == [
        "Put a <div> in the <body>; List<String> x, <your-name>, <!-- note -->, a<b and b>c.",
        "",
        "<p>",
        "bold",
        "</p>",
    ]
    assert at_once("one<br>two<BR />three", 80) == ["one", "two", "three"]
    assert at_once("one<br>\ntwo<br>\nthree", 80) == ["one", "two", "three"]
    assert at_once("one <br> two  \nthree", 80) == ["one", "two", "three"]


def test_lines_of_a_poem_stay_lines() -> None:
    poem = "Rain taps on the roof\nSoft drums for the sleeping town\nPuddles hold the moon"
    assert at_once(poem, 80) == poem.split("\n")
    assert at_once("- one\n  goes on", 80) == ["", " • one", "   goes on"]


def test_a_wide_word_in_a_table_goes_on_in_the_next_row() -> None:
    word = "".join(chr(ord("a") + number % 26) for number in range(60))
    rows = at_once(f"| name | value |\n|---|---|\n| x | {word} |", 40)
    assert "…" not in "".join(rows)
    letters = re.sub(r"[^a-z]", "", "".join(rows[3:]))
    assert letters == "x" + word


def test_code_stands_at_the_margin_and_is_broken_only_where_the_row_ends() -> None:
    line = "x = '" + "0123456789" * 5 + "'"
    rows = at_once(f"```python\nif y:\n    pass\n{line}\n```", 40)
    assert rows == ["", "if y:", "    pass", line[:40], line[40:], ""]


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=8),
    glue=st.sampled_from(["\n\n", "\n", "\n\n\n"]),
    width=st.sampled_from([20, 80, 200]),
    cuts=st.lists(st.integers(min_value=0, max_value=2000), max_size=30),
)
def test_a_document_cut_anywhere_looks_as_the_whole_at_once(
    blocks: list[str], glue: str, width: int, cuts: list[int]
) -> None:
    # A link whose reference is defined after it is the one thing that is known to look different.
    text = glue.join(sorted(blocks, key=lambda block: not block.startswith("[")))
    places = sorted(min(cut, len(text)) for cut in cuts)
    assert streamed(text, width, places, room=1000) == at_once(text, width)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("".join(f"- item *{n}*\n" for n in range(300)), id="list"),
        pytest.param("".join(f"{n}. item\n   second line\n" for n in range(10, 99)), id="numbered list"),
        pytest.param("".join(f"> line {n}\n" for n in range(300)), id="quote"),
        pytest.param("".join(f"word{n} " for n in range(2000)), id="paragraph"),
        pytest.param("".join(f"    line {n}\n" for n in range(200)), id="indented code"),
        pytest.param("| a | b |\n|---|---|\n" + "".join(f"| {n} | {'x' * n} |\n" for n in range(60)), id="table"),
        pytest.param("```python\n" + "".join(f"x{n} = '{n}'\n" for n in range(700)) + "```\n", id="code"),
        pytest.param("```c\n/*\n" + "".join(f"x{n}\n" for n in range(700)) + "*/\n```\n", id="code in a comment"),
    ],
)
def test_a_block_taller_than_the_screen_is_shown_whole(text: str) -> None:
    assert streamed(text, 80, range(37, len(text), 37)) == at_once(text, 80)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        pytest.param("".join(f"- item {n}\n" for n in range(300)), 30, id="list"),
        pytest.param("".join(f"word{n} " for n in range(2000)), 30, id="paragraph"),
        pytest.param("```\n" + "".join(f"line {n}\n" for n in range(300)), 3, id="code"),
    ],
)
def test_of_a_tall_block_only_what_is_on_the_screen_stays_open(text: str, most: int) -> None:
    stream = MarkdownStream(console(80))
    heights: list[int] = []
    for begin in range(0, len(text), 37):
        stream.feed(text[begin : begin + 37])
        _, live = stream.update(ROOM)
        heights.append(len(live))
    assert max(heights) <= most


def test_code_is_coloured_by_its_language() -> None:
    stream = MarkdownStream(console(80))
    stream.feed("```python\nx = 'text'\n")
    rows, _ = stream.update(ROOM)
    yellow = "38;2;230;219;116"  # as the theme has strings
    assert f"\x1b[{yellow};48;2;39;40;34mtext" in rows[-1]
    target = console(80)
    target.print(Block(Outline().blocks(["```python", "x = 'text'", "```"], {})[0], gap=False))
    assert isinstance(target.file, io.StringIO)
    assert rows[-1].rstrip() in target.file.getvalue()


def test_a_string_over_several_lines_keeps_its_colour() -> None:
    whole, pieces = MarkdownStream(console(80)), MarkdownStream(console(80))
    code = "```python\nx = '''\nfirst\nsecond\n'''\n"
    whole.feed(code)
    expected, _ = whole.update(ROOM)
    rows: list[str] = []
    for line in code.splitlines(keepends=True):
        pieces.feed(line)
        final, _ = pieces.update(ROOM)
        rows += final
    assert rows == expected


def test_a_narrower_terminal_in_the_middle_of_a_block_loses_no_word() -> None:
    target = console(80)
    stream = MarkdownStream(target)
    rows: list[str] = []
    words = [f"word{n}" for n in range(600)]
    for place, word in enumerate(words):
        if place == 400:
            target.width = 40
        stream.feed(word + " ")
        final, _ = stream.update(5)
        rows += final
    shown = " ".join(plain(rows + stream.close())).split()
    assert set(shown) == set(words)
    assert max(len(row) for row in plain(rows)[-3:]) <= 40


def test_a_stream_can_be_used_for_a_second_text() -> None:
    stream = MarkdownStream(console(80))
    stream.feed("```python\nopen")
    stream.update(ROOM)
    stream.close()
    stream.feed("# Second")
    assert plain(stream.close()) == by_rich("# Second", 80)


def test_nothing_is_shown_of_nothing() -> None:
    stream = MarkdownStream(console(80))
    stream.feed("\n \n")
    assert stream.update(ROOM) == ([], [])
    assert stream.close() == []
