"""Arguments of a model and settings of a user: what is wrong with them is said field by field."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from llmgine_cli.api import Setting
from llmgine_cli.errors import SettingsError
from llmgine_cli.toolkit.tool import Tool
from llmgine_cli.toolkit.validation import InvalidArgumentsError, read_arguments, read_settings


class Box(BaseModel):
    width: int


def pack(
    name: str,
    boxes: list[Box],
    unit: Literal["cm", "inch"] = "cm",
    *,
    depot: Annotated[str, Setting("Where.")] = "here",
    token: Annotated[int, Setting("Which.")] = 0,
) -> None:
    """Pack."""


def guarded(key: Annotated[str, Setting("Its key.")]) -> None:
    """Need a setting."""


PACK = Tool.from_function(pack)


def complaint(arguments: str) -> list[str]:
    with pytest.raises(InvalidArgumentsError) as caught:
        read_arguments(PACK, arguments)
    return caught.value.message.split("\n- ")


def test_valid_arguments_become_values_of_the_types_with_defaults_filled_in() -> None:
    read = read_arguments(PACK, '{"name": "a", "boxes": [{"width": 3}]}')
    assert read == {"name": "a", "boxes": [Box(width=3)], "unit": "cm"}


def test_a_number_written_as_text_is_a_number() -> None:
    assert read_arguments(PACK, '{"name": "a", "boxes": [{"width": "3"}]}')["boxes"] == [Box(width=3)]


def test_nothing_at_all_counts_as_no_arguments() -> None:
    def ping(times: int = 1) -> None:
        """Ping."""

    for nothing in ("", "  \n", "{}"):
        assert read_arguments(Tool.from_function(ping), nothing) == {"times": 1}


def test_every_field_that_is_wrong_is_named() -> None:
    assert complaint('{"boxes": [{"width": 1}, {"width": "wide"}], "unit": "mile", "nme": "a"}') == [
        "the arguments of pack are not valid:",
        "name: missing",
        "boxes.1.width: input should be a valid integer, unable to parse string as an integer, not 'wide'",
        "unit: input should be 'cm' or 'inch', not 'mile'",
        "nme: there is no such parameter; did you mean name?",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"name": ', "invalid JSON: EOF while parsing a value at line 1 column 8"),
        ("name=a", "invalid JSON: expected ident at line 1 column 2"),
        ("[1, 2]", "input should be an object, not [1, 2]"),
        ("null", "input should be an object, not None"),
        ('"text"', "input should be an object, not 'text'"),
    ],
)
def test_what_is_no_json_object_is_told_as_such(arguments: str, said: str) -> None:
    assert complaint(arguments) == ["the arguments of pack are not valid:", said]


def test_a_setting_cannot_be_given_by_the_model() -> None:
    assert complaint('{"name": "a", "boxes": [], "depot": "elsewhere"}')[1].startswith("depot: there is no such")


def test_a_long_list_of_mistakes_and_a_long_value_are_cut_short() -> None:
    said = complaint('{"name": "' + "x" * 5000 + '", "boxes": [' + ",".join(["5"] * 50) + "]}")
    assert said[-1] == "and 40 more"
    assert len(complaint('{"name": ["' + "x" * 5000 + '"], "boxes": []}')[1]) < 200


def test_arguments_nested_without_end_are_an_error_like_any_other() -> None:
    assert "invalid JSON" in complaint('{"name": ' + "[" * 100_000)[1]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    def halve(x: float) -> float:
        """Halve."""
        return x / 2

    with pytest.raises(InvalidArgumentsError, match="finite number"):
        read_arguments(Tool.from_function(halve), f'{{"x": {number}}}')


def test_settings_come_from_the_options_or_their_defaults() -> None:
    assert read_settings(PACK, {"depot": "there", "token": "7"}) == {"depot": "there", "token": 7}
    assert read_settings(PACK, {}) == {"depot": "here", "token": 0}


@pytest.mark.parametrize(
    ("tool", "given", "said", "hint"),
    [
        (pack, {"depo": "x"}, "tools.options.pack: tool 'pack' has no setting 'depo'", "did you mean depot?"),
        (pack, {"token": "x"}, "tools.options.pack: token: input should be a valid integer", "tools show pack"),
        (guarded, {}, "tools.options.guarded: key: missing", "tools show guarded"),
        (pack, {"name": "x"}, "tools.options.pack: tool 'pack' has no setting 'name'", "known: depot, token"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(tool: Any, given: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(Tool.from_function(tool), given)
    assert caught.value.message.startswith(said)
    assert hint in (caught.value.hint or "")
