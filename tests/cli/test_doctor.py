import json
import os
from pathlib import Path

import pytest

from tests.support import local_model
from tests.support.program import PROGRAM, Completed, Program
from tests.support.server import FakeVendor, Fault, dead_url
from tests.support.terminal import Terminal


@pytest.fixture(scope="session")
def model() -> Path:
    return local_model.model()


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own keyring is none of a test's business."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


def found(done: Completed) -> dict[str, list[str]]:
    """Each area, with the last that was found there: state, text, and the hint if there is one."""
    return {row[0]: row[1:] for row in (line.split("\t") for line in done.stdout.splitlines())}


def test_a_new_machine_is_told_what_it_lacks_and_only_what_stops_it_is_wrong(cli: Program, home: Path) -> None:
    done = cli("doctor", "--offline")
    said = found(done)
    assert done.code == 3
    assert said["llmgine"][0] == "ok"
    assert said["settings"] == ["ok", f"no {home / 'config' / 'config.toml'}: the defaults hold"]
    assert said["event log"] == ["ok", f"{home / 'state' / 'logs'}: 0 sessions, 0.0 MB"]
    assert said["keys"] == ["note", "none is set", "llmgine keys set NAME stores one, as for openai"]
    assert said["local model"][0] == "note"
    assert said["default model"][:2] == ["wrong", "there is no model to talk to"]
    assert [area for area, what in said.items() if what[0] == "wrong"] == ["default model"]


def test_a_provider_that_answers_is_told_with_what_it_has(cli: Program) -> None:
    with FakeVendor(models=["a", "b"]) as vendor:
        done = cli("doctor", env={"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": vendor.url})
    said = found(done)
    assert done.code == 0
    assert said["openai"][0] == "ok"
    assert said["openai"][1].endswith(" ms, with 2 models")
    assert said["keys"] == ["ok", "OPENAI_API_KEY (environment)"]
    assert said["default model"][1].endswith("(OPENAI_API_KEY is set)")
    assert "secret" not in done.stdout + done.stderr


def test_a_short_name_that_stands_for_nothing_is_told(cli: Program) -> None:
    assert cli("aliases", "set", "a", "echo:echo").code == 0
    assert cli("aliases", "set", "b", "a").code == 0
    assert "aliases" not in found(cli("doctor", "--offline"))
    assert cli("aliases", "remove", "a").code == 0
    state, text, hint = found(cli("doctor", "--offline"))["aliases"]
    assert (state, text) == ("note", "b stands for a: no model named 'a'")
    assert "llmgine aliases remove b" in hint


def test_another_model_than_the_embedded_one_is_no_lack(cli: Program, home: Path) -> None:
    folder = home / "data" / "models"
    folder.mkdir(parents=True)
    (folder / "tiny.gguf").write_bytes(b"GGUF")
    assert found(cli("doctor", "--offline"))["local model"] == ["ok", "local:tiny on this machine, not tried"]
    assert "models pull" not in cli("models", "list").stderr


def test_a_key_that_is_refused_is_wrong(cli: Program) -> None:
    with FakeVendor(lookup=Fault(401, "bad key", "invalid_request_error")) as vendor:
        done = cli("doctor", env={"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": vendor.url})
    assert done.code == 3
    state, text, hint = found(done)["openai"]
    assert (state, text) == ("wrong", "openai refused the key: bad key")
    assert "OPENAI_API_KEY (set in the environment)" in hint


def test_a_provider_that_cannot_be_reached_is_wrong_and_the_rest_is_looked_at(cli: Program) -> None:
    done = cli("doctor", env={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": dead_url()})
    said = found(done)
    assert done.code == 3
    assert "cannot be reached" in said["openai"][1]
    assert "local model" in said
    assert "ollama" not in said


def test_a_cloud_is_told_when_it_is_set_up_and_what_it_lacks_is_wrong(cli: Program) -> None:
    key = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": dead_url()}
    said = found(cli("doctor", env={**key, "OPENAI_API_VERSION": "2025-04-01-preview"}))
    assert said["azure"][:2] == ["note", "does not tell programs which models it has"]
    assert "https://ai.azure.com" in said["azure"][2]
    assert not {"bedrock", "vertex"} & set(said)
    said = found(cli("doctor", env={**key}))
    assert said["azure"][:2] == ["wrong", "azure needs the version of its API: OPENAI_API_VERSION is not set"]


def test_offline_asks_nobody(cli: Program) -> None:
    with FakeVendor() as vendor:
        done = cli("doctor", "--offline", env={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url})
        assert vendor.connections == 0
    assert found(done)["providers"] == ["note", "not asked (--offline)"]


def test_a_broken_settings_file_is_told_with_its_line(cli: Program, home: Path) -> None:
    file = home / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text("[limits]\nidle_timeot = 3\n")
    done = cli("doctor")
    state, text, hint = found(done)["settings"]
    assert (done.code, state) == (3, "wrong")
    assert f"{file}:2" in text
    assert "idle_timeout" in hint


def test_an_untrusted_project_is_worth_a_note_each_time(cli: Program) -> None:
    Path("llmgine.toml").write_text('[aliases]\nx = "echo:echo"\n')
    for _ in range(2):
        assert "settings\tnote\tllmgine.toml is not trusted" in cli("doctor", "--offline").stdout


def test_a_log_folder_that_cannot_be_written_is_wrong(cli: Program) -> None:
    Path("logs").write_text("a file")
    done = cli("doctor", "--offline", env={"LLMGINE_LOG__DIR": str(Path("logs").absolute())})
    assert found(done)["event log"][0] == "wrong"
    assert done.code == 3


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_keys_that_others_may_read_are_wrong(cli: Program, home: Path) -> None:
    cli("keys", "set", "openai", input="sk-1")
    file = home / "config" / "keys.json"
    file.chmod(0o644)
    assert f"keys\twrong\tothers may read your keys in {file} (mode 644)\tchmod 600 {file}" in (
        cli("doctor", "--offline").stdout.splitlines()
    )


def test_a_spoilt_schedule_is_wrong(cli: Program, home: Path) -> None:
    file = home / "state" / "schedule" / "schedule.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"garbage! " * 1000)
    assert found(cli("doctor", "--offline"))["schedule"][0] == "wrong"


def test_a_certificate_file_that_is_not_there_is_wrong(cli: Program) -> None:
    done = cli("doctor", "--offline", env={"SSL_CERT_FILE": "/nowhere.pem"})
    assert found(done)["network"] == [
        "wrong", "SSL_CERT_FILE is /nowhere.pem, which is not there", "mend it, or unset SSL_CERT_FILE",
    ]  # fmt: skip


def test_the_findings_as_json(cli: Program) -> None:
    findings = json.loads(cli("doctor", "--offline", "--json").stdout)
    assert {finding["area"] for finding in findings} >= {"llmgine", "settings", "event log", "keys", "default model"}
    assert all(set(finding) == {"area", "state", "text", "hint"} for finding in findings)


def test_a_narrow_terminal_breaks_lines_beside_the_areas() -> None:
    with Terminal([str(PROGRAM), "doctor", "--offline"], cols=60) as terminal:
        assert terminal.wait_end() == 3
        lines = terminal.everything().splitlines()
    assert any(line.startswith("✗  default model  there is no model") for line in lines)
    assert all(line[0] in "✓!✗" or line.startswith(" " * 18) for line in lines if line)


@pytest.mark.local_model
def test_the_local_model_is_loaded_and_asked(cli: Program, home: Path, model: Path) -> None:
    local_model.install(model, home)
    said = found(cli("doctor", "--offline"))
    assert said["local model"][0] == "ok"
    assert said["local model"][1].startswith("local:smollm2-135m loads and answers")
    assert said["default model"][0] == "ok"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('engine = "nope"\n', "engine: no engine named 'nope'"),
        ('[chat]\nengine = "tool_chit"\n', "chat.engine: no engine named 'tool_chit'"),
        ('[chat]\ntools = ["nope"]\n', "chat.tools: no tool named 'nope'"),
        ('fallback = ["nope:x"]\n', "fallback: no provider named 'nope'"),
        ('embedding_model = "nope:x"\n', "embedding_model: no provider named 'nope'"),
        ('[log]\nsinks = ["jsonl", "consle"]\n', "log.sinks: no sink named 'consle'"),
        ("[sinks.nope]\na = 1\n", "sinks: no sink named 'nope'"),
        ("[engines.tool_chat]\nmax_round = 1\n", "engines.tool_chat: no option named 'max_round'"),
        ("[engines.nope]\na = 1\n", "engines.nope: no engine named 'nope'"),
        ("[tools.options.read_files]\na = 1\n", "tools.options.read_files: no tool named 'read_files'"),
        (
            "[tools.options.get_weather]\nbase_urll = 'x'\n",
            "tools.options.get_weather: tool 'get_weather'",
        ),
    ],
)
def test_names_in_the_settings_that_stand_for_nothing_are_told(cli: Program, home: Path, text: str, said: str) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(text)
    done = cli("doctor", "--offline")
    assert done.code == 3
    assert f"settings\twrong\t{said}" in done.stdout


def test_settings_whose_names_are_right_are_no_finding(cli: Program, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text(
        """
        model = "echo:echo"
        engine = "single_pass"
        fallback = ["echo:echo"]
        [chat]
        tools = ["calculate"]
        [log]
        sinks = ["jsonl", "console"]
        [engines.tool_chat]
        max_rounds = 3
        [tools.options.read_file]
        roots = ["."]
        [sinks.otel]
        timeout = 1
        """
    )
    assert "wrong" not in cli("doctor", "--offline").stdout


def test_a_tool_of_ones_own_that_is_broken_is_told(cli: Program, home: Path) -> None:
    folder = home / "config" / "tools"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text("import nothing_of_that_name\n")
    done = cli("doctor", "--offline")
    assert (done.code, "nothing_of_that_name" in done.stdout) == (3, True)
    assert "mine.py" in done.stdout


def test_an_address_that_is_not_the_vendors_own_is_told(cli: Program) -> None:
    with FakeVendor(models=["m"]) as vendor:
        done = cli("doctor", env={"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": vendor.url})
    assert f"openai\tok\tanswers at {vendor.url} in " in done.stdout


def test_all_mistakes_in_a_file_are_told(cli: Program, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text('[limits]\nretires = 3\nidle_timeout = -1\n[tools]\napprove = "Al"\n')
    said = [line.split("\t") for line in cli("doctor", "--offline").stdout.splitlines()]
    told = [line[2] for line in said if line[:2] == ["settings", "wrong"]]
    assert len(told) == 3
    assert "limits.retires: unknown key (and 2 more mistakes" in told[0]
    assert "limits.idle_timeout: -1" in told[1]
    assert "tools.approve: 'Al' is none of" in told[2]
