"""What people write behind --schema."""

import json
import sys
from pathlib import Path

import pytest

from llmgine_cli.errors import NotFoundError, UsageError
from llmgine_cli.structured.concise import expand
from llmgine_cli.structured.source import read_shape

MODELS = """
from __future__ import annotations
from pydantic import BaseModel

print("loaded")

class Pet(BaseModel):
    name: str

class Person(BaseModel):
    name: str
    pets: list[Pet] = []

NUMBER = 3
"""


@pytest.fixture
def models() -> Path:
    """A file of models in the folder one stands in."""
    Path("models.py").write_text(MODELS)
    return Path("models.py")


def failure(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_shape(text)
    assert "\n" not in caught.value.message
    return caught.value


def test_fields() -> None:
    assert read_shape("name str, age int").schema == expand("name, age int")
    assert read_shape("age int: in years").schema == expand("age int: in years")


def test_a_json_schema_itself() -> None:
    assert read_shape(' {"type": "object"} ').schema == {"type": "object"}


def test_a_file_with_a_json_schema() -> None:
    Path("person.json").write_text('{"type": "object"}')
    Path("other.schema").write_text('{"type": "array"}')
    assert read_shape("person.json").schema == {"type": "object"}
    assert read_shape("./other.schema").schema == {"type": "array"}


def test_many() -> None:
    assert read_shape("name", many=True).many


def test_a_model_in_a_file_that_the_user_names(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = read_shape("./models.py:Person")
    assert shape.read('{"name": "Ada", "pets": [{"name": "Rex"}]}').pets[0].name == "Rex"
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "loaded\n"), "what a file prints is no answer"
    assert str(models.parent.absolute()) not in sys.path


def test_a_model_of_an_installed_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "people_for_a_test"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "shapes.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(package.parent))
    assert read_shape("people_for_a_test.shapes:Pet").read('{"name": "Rex"}').name == "Rex"


@pytest.mark.parametrize("entry", ["", "."])
def test_a_module_of_the_folder_one_stands_in_is_never_run(
    entry: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("stranger.py").write_text("open('it-ran', 'w')")
    monkeypatch.syspath_prepend(entry)
    error = failure("stranger:Person")
    assert error.message == "--schema stranger:Person: no module 'stranger' is installed"
    assert "--schema ./stranger.py:Person" in (error.hint or "")
    assert not Path("it-ran").exists()
    assert sys.path[0] == entry, "what can be imported is as before"


def test_a_file_that_is_not_there_or_no_schema() -> None:
    Path("list.json").write_text("[]")
    Path("torn.json").write_text('{"type":')
    assert failure("missing.json").message == "cannot read the schema missing.json: No such file or directory"
    assert failure("./person").message == "cannot read the schema person: No such file or directory"
    assert failure("list.json").message == "the schema in list.json is no JSON object"
    assert failure("torn.json").message.startswith("the schema in torn.json is no JSON: ")
    assert failure('{"type": 1}').message.startswith("the schema is no JSON Schema: ")


def test_a_model_that_is_not_there(models: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        read_shape("./models.py:Persn")
    assert caught.value.hint == "did you mean Person?"
    assert failure("./models.py:NUMBER").message.endswith("NUMBER is no pydantic model")
    assert failure("./gone.py:Person").message.startswith("there is no file ")


@pytest.mark.parametrize("body", ["1/0", "raise SystemExit(3)", "def"])
def test_a_file_that_breaks_is_told_in_one_line(body: str) -> None:
    Path("broken.py").write_text(body)
    assert failure("./broken.py:X").message.startswith("broken.py cannot be run: ")


def test_a_module_that_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "breaks_for_a_test.py").write_text("import nothing_of_that_name")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert failure("breaks_for_a_test:X").message.endswith("No module named 'nothing_of_that_name'")


def test_a_schema_file_beyond_any_measure_is_not_read(tmp_path: Path) -> None:
    Path("big.json").write_text(json.dumps({"x": "y" * 5_000_000}))
    assert "longer than 4 MB" in failure("big.json").message
