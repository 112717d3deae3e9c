"""What a tool returned or raised, as text for the model."""

import enum
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from llmgine_cli.llm.messages import Text
from llmgine_cli.toolkit.results import LIMIT, cut, error_text, to_text


class Model(BaseModel):
    a: int


@dataclass
class Record:
    a: int
    when: date


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        ("", ""),
        (Colour.RED, "red"),
        (None, "done"),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        (float("inf"), '"Infinity"'),
        ({"ä": [1, None]}, '{"ä":[1,null]}'),
        ((1, "b"), '[1,"b"]'),
        (Model(a=1), '{"a":1}'),
        ([Record(1, date(2026, 11, 23))], '[{"a":1,"when":"2026-11-23"}]'),
        (Path("/tmp/x"), '"/tmp/x"'),
        (Text("hi"), '{"type":"text","text":"hi"}'),
        (b"\0\1", "2 bytes of binary data"),
        ({"data": b"\xff"}, '{"data":"_w=="}'),
        ({1: object}, '{"1":"<class \'object\'>"}'),
    ],
)
def test_a_result_is_text(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_what_refers_to_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        to_text(loop)


def test_a_large_result_is_cut_and_says_how_much() -> None:
    text = to_text("x" * 1_000_000)
    assert text == "x" * LIMIT + "\n[cut: the first 100,000 of 1,000,000 bytes are shown]"


def test_the_limit_counts_bytes_and_breaks_no_character() -> None:
    text = to_text("€" * 50_000)
    shown, _, note = text.partition("\n")
    assert shown == "€" * (LIMIT // 3)
    assert note == "[cut: the first 100,000 of 150,000 bytes are shown]"


def test_half_a_surrogate_which_nothing_can_send_is_replaced() -> None:
    assert to_text("a\ud800b") == "a?b"
    assert cut("\ud800" * 10, 5).startswith("?????\n[cut")


def test_an_exception_is_its_name_and_message() -> None:
    assert error_text(KeyError("x")) == "KeyError: 'x'"
    assert error_text(RuntimeError()) == "RuntimeError"
    assert len(error_text(RuntimeError("x" * 100_000))) < 3_000


def test_an_exception_that_cannot_say_what_it_is_still_has_a_name() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert error_text(MuteError()) == "MuteError"
