import subprocess
import sys
from pathlib import Path

import pytest

from llmgine_cli.errors import NotFoundError
from llmgine_cli.providers import weights
from tests.support.index import FAKE, MODEL


@pytest.fixture
def models(home: Path) -> Path:
    folder = home / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def test_models_lie_in_the_users_data_folder(home: Path) -> None:
    assert weights.path() == home / "data" / "models" / "smollm2-135m.gguf"
    assert weights.path("other") == home / "data" / "models" / "other.gguf"


def test_a_file_of_the_right_size_is_present(models: Path) -> None:
    assert not weights.present(FAKE)
    (models / "fake-1m.gguf").write_bytes(MODEL)
    assert weights.present(FAKE)


def test_a_file_that_is_too_short_is_not_present(models: Path) -> None:
    (models / "fake-1m.gguf").write_bytes(MODEL[:-1])
    assert not weights.present(FAKE)


def test_nothing_is_stored_where_there_is_no_folder() -> None:
    assert weights.stored() == []


def test_stored_models_are_listed_by_name_and_nothing_else_is(models: Path) -> None:
    (models / "b.gguf").write_bytes(b"12345")
    (models / "a.gguf").write_bytes(b"1")
    (models / "a.LICENSE").write_bytes(b"yes")
    (models / "folder.gguf").mkdir()
    assert [(model.name, model.size, model.path) for model in weights.stored()] == [
        ("a", 1, models / "a.gguf"),
        ("b", 5, models / "b.gguf"),
    ]


def test_a_link_to_nowhere_is_no_model(models: Path) -> None:
    (models / "a.gguf").symlink_to(models / "gone")
    assert weights.stored() == []


def test_a_stored_model_is_found_by_name(models: Path) -> None:
    (models / "tiny.gguf").write_bytes(b"GGUF")
    assert weights.find("tiny") == models / "tiny.gguf"


def test_an_unknown_model_is_told_with_the_nearest_name(models: Path) -> None:
    (models / "qwen-tiny.gguf").write_bytes(b"GGUF")
    with pytest.raises(NotFoundError, match="no local model named 'qwen-tyni'") as caught:
        weights.find("qwen-tyni")
    assert caught.value.hint == "did you mean qwen-tiny?"


def test_looking_whether_a_model_is_there_is_cheap() -> None:
    code = "import sys; from llmgine_cli.providers import weights; weights.present(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"subprocess", "zipfile", "hashlib", "asyncio"} & set(done.stdout.split())
