from pathlib import Path

import pytest

from llmgine_cli.errors import PromptError
from llmgine_cli.prompting.strictyaml import load_mapping

FILE = Path("x.md")
LAUGHS = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"


def test_nothing_is_an_empty_mapping() -> None:
    assert load_mapping("", FILE) == {}
    assert load_mapping("# only a comment", FILE) == {}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a: [1, 2\nb: 3", "x.md:3: the front matter is no valid YAML: expected ',' or ']'"),
        ("a: 1\n\tb: 2", "x.md:3: the front matter is no valid YAML: found character '\\t'"),
        ("a: b: c", "x.md:2: the front matter is no valid YAML: mapping values are not allowed here"),
        (LAUGHS, "x.md:3: the front matter is no valid YAML: aliases (*name) are not allowed"),
        ("a: 1\nb: 2\na: 3", "x.md:4: the front matter is no valid YAML: the key 'a' is there twice"),
        ("a: {b: 1, b: 2}", "x.md:2: the front matter is no valid YAML: the key 'b' is there twice"),
        ("a: !!python/object/apply:os.system ['true']", "x.md:2: the front matter is no valid YAML: could not"),
        ("a: 2024-99-99", "x.md: the front matter is no valid YAML: month must be in 1..12"),
        ("a: \x00", "x.md: the front matter is no valid YAML: unacceptable character"),
        ("a: " + "[" * 5000, "x.md: the front matter is nested too deeply"),
        ("- a\n- b", "x.md: the front matter is a list"),
        ("just text", "x.md: the front matter is a str"),
        ("a: 1\n--- \nb: 2", "x.md:3: the front matter is no valid YAML: but found another document"),
    ],
)
def test_broken_yaml_names_the_file_and_the_line(source: str, message: str) -> None:
    with pytest.raises(PromptError) as raised:
        load_mapping(source, FILE)
    assert raised.value.message.startswith(message)
    assert "\n" not in raised.value.message
