import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.cli.sanitize import safe_json, visible

DRIVING = [
    pytest.param("\x1b[2J\x1b[H", id="clear screen"),
    pytest.param("\x1b]0;title\x07", id="window title"),
    pytest.param("\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", id="hyperlink"),
    pytest.param("\x1b]52;c;cm0gLXJm\x07", id="clipboard"),
    pytest.param('\x1bP$q"p\x1b\\', id="device control string"),
    pytest.param("\x9b31m", id="C1 control sequence introducer"),
    pytest.param("\x9d0;title\x9c", id="C1 operating system command"),
    pytest.param("a\x08b", id="backspace"),
    pytest.param("a\x7fb", id="delete"),
    pytest.param("a\x07b", id="bell"),
    pytest.param("a\x0bb\x0cc", id="vertical tab and form feed"),
    pytest.param("safe\rEVIL", id="carriage return"),
    pytest.param("\u202egpj.exe", id="right-to-left override"),
    pytest.param("\u2066a\u2069", id="isolates"),
    pytest.param("\u061c\u200e\u200f", id="direction marks"),
    pytest.param("a\u2028b\u2029c", id="line and paragraph separator"),
    pytest.param("hi\U000e0041\U000e007f", id="tag characters"),
    pytest.param("\ufeffa", id="byte order mark"),
]
HARMLESS = [
    "plain",
    "a\tb\nc",
    "café",
    "cafe\u0301",
    "日本語",
    "👩‍👩‍👧‍👦",
    "🏳️‍🌈",
    "नमस्ते",
    "\u0645\u06cc\u200c\u062e",
    "│ ✓ — …",
]


def is_driving(letter: str) -> bool:
    code = ord(letter)
    return (
        (unicodedata.category(letter) == "Cc" and letter not in "\t\n")
        or unicodedata.category(letter) in {"Zl", "Zp"}
        or unicodedata.bidirectional(letter) in {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
        or 0xE0000 <= code < 0xE0080
    )


@pytest.mark.parametrize("text", DRIVING)
def test_what_could_drive_a_terminal_is_replaced(text: str) -> None:
    shown = visible(text)
    assert shown != text
    assert not any(is_driving(letter) for letter in shown)


def test_an_escape_can_still_be_seen() -> None:
    assert visible("\x1b[31m") == "␛[31m"


def test_a_bidirectional_override_can_still_be_seen() -> None:
    assert visible("\u202e") == "<U+202E>"


def test_foreign_line_ends_become_ours() -> None:
    assert visible("a\r\nb\r\n") == "a\nb\n"


@pytest.mark.parametrize("text", HARMLESS)
def test_scripts_accents_and_joined_emoji_pass_untouched(text: str) -> None:
    assert visible(text) == text


@given(st.text(), st.integers(min_value=0))
def test_a_text_may_be_cut_anywhere(text: str, place: int) -> None:
    cut = place % (len(text) + 1)
    assert visible(text[:cut]) + visible(text[cut:]) == visible(text)


@given(st.text())
def test_nothing_that_drives_a_terminal_is_ever_left(text: str) -> None:
    assert not any(is_driving(letter) for letter in visible(text))


@given(st.text())
def test_what_was_made_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_json_says_the_same_with_every_character_and_drives_nothing() -> None:
    text = "".join(map(chr, range(sys.maxunicode + 1)))
    document = safe_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(document).encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
    assert visible(document) == document
    assert not re.search("[\ud800-\udfff]", document)


def test_json_keeps_its_line_ends_and_what_is_harmless() -> None:
    document = json.dumps(HARMLESS, ensure_ascii=False, indent=2)
    assert safe_json(document) == document
