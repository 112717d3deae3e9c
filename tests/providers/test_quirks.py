"""What models want otherwise, as data."""

import pytest

from llmgine_cli.providers.quirks import Quirk, quirk_of, traits_of


def test_without_quirks_a_model_is_as_its_vendor() -> None:
    traits = traits_of({"seed": "random_seed"}, ())
    assert (traits.names, traits.drops, traits.most) == ({"seed": "random_seed"}, frozenset(), {})
    assert (traits.formats, traits.forced_tools, traits.images) == (("json_schema", "json_object"), True, True)
    assert traits.system_role == "system"


def test_of_several_the_later_has_the_last_word_and_what_is_refused_adds_up() -> None:
    first = Quirk(models="", drops=("seed",), names={"stop": "a", "seed": "b"}, images=False, formats=())
    second = Quirk(models="", drops=("stop",), names={"stop": "c"}, images=True)
    traits = traits_of({"stop": "x"}, (first, second))
    assert traits.drops == {"seed", "stop"}
    assert traits.names == {"stop": "c", "seed": "b"}
    assert (traits.images, traits.formats) == (True, ())


@pytest.mark.parametrize(
    ("models", "model", "applies"),
    [("gpt-4", "gpt-4.1", True), ("gpt-4$", "gpt-4.1", False), ("4", "gpt-4", False), ("", "anything", True)],
)
def test_a_pattern_matches_from_the_start(models: str, model: str, applies: bool) -> None:
    assert Quirk(models=models).applies(model) is applies


@pytest.mark.parametrize(
    ("unless", "fields", "holds"),
    [
        (None, {"a": 1}, True),
        (("a", 1), {"a": 1}, False),
        (("a", 1), {"a": 2}, True),
        (("a", (1, None)), {}, False),
        (("a", (1, None)), {"a": 2}, True),
        (("a", {"type": "disabled"}), {"a": {"type": "disabled"}}, False),
    ],
)
def test_a_field_may_lift_it(unless: tuple[str, object] | None, fields: dict[str, object], holds: bool) -> None:
    assert Quirk(models="", unless=unless).holds(fields) is holds


def test_a_table_of_the_settings_is_a_quirk() -> None:
    table = {
        "models": "x",
        "drops": ["seed", "stop"],
        "names": {"max_tokens": "limit", "seed": False},
        "unless": {"mode": ["a", "b"]},
        "formats": [],
        "efforts": {"none": {"thinking": False}},
    }
    assert quirk_of(table) == Quirk(
        models="x",
        drops=("seed", "stop"),
        names={"max_tokens": "limit", "seed": None},
        unless=("mode", ("a", "b")),
        formats=(),
        efforts={"none": {"thinking": False}},
    )
    assert quirk_of({"models": "x", "unless": {"mode": "a"}}) == Quirk(models="x", unless=("mode", "a"))
