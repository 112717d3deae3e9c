"""Settings: which source wins, what a mistake looks like, and what a folder nobody trusted may not set."""

import itertools
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import ValidationError, to_builtins
from msgspec.structs import asdict, replace
from pydantic import ValidationError as PydanticError

from llmgine_cli.errors import SettingsError
from llmgine_cli.keys import KeyStore
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.settings import ProviderSettings, Settings, explain, load, made_of
from llmgine_cli.settings.example import example
from llmgine_cli.settings.load import read
from llmgine_cli.settings.model import Circumstances, Tables
from llmgine_cli.settings.table import fields
from llmgine_cli.trust import TrustStore


def user_file(text: str) -> Path:
    file = Path(os.environ["LLMGINE_HOME"]) / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def project_file(text: str, *, trusted: bool = True) -> Path:
    file = Path("llmgine.toml").absolute()
    file.write_text(text, encoding="utf-8")
    if trusted:
        TrustStore().trust([file])
    return file


def said(settings: Settings) -> dict[str, object]:
    """What is not the default."""
    tables: dict[str, object] = to_builtins(settings.under(Circumstances()), enc_hook=str)
    del tables["circumstances"]
    return {name: table for name, table in tables.items() if table not in ({}, {"sinks": ["jsonl"]})}


def problem(overrides: dict[str, object] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(overrides)
    assert "\n" not in caught.value.message
    return caught.value


class TestPrecedence:
    """Flag, environment, `.env` here, `.env` of the project, project file, user file, default: the first wins."""

    @pytest.fixture
    def write(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[str], object]]:
        project = Path("project").absolute()
        here = project / "below"
        here.mkdir(parents=True)
        (project / "llmgine.toml").touch()
        monkeypatch.chdir(here)
        self.overrides: dict[str, str] = {}
        return {
            "flag": lambda value: self.overrides.update({"limits.idle_timeout": value}),
            "environment": lambda value: monkeypatch.setenv("LLMGINE_LIMITS__IDLE_TIMEOUT", value),
            "own .env": lambda value: (here / ".env").write_text(f"LLMGINE_LIMITS__IDLE_TIMEOUT={value}\n"),
            "project .env": lambda value: (project / ".env").write_text(f"LLMGINE_LIMITS__IDLE_TIMEOUT={value}\n"),
            "project file": lambda value: (project / "llmgine.toml").write_text(f"[limits]\nidle_timeout = {value}\n"),
            "user file": lambda value: user_file(f"[limits]\nidle_timeout = {value}\n"),
        }

    ORDER = ("flag", "environment", "own .env", "project .env", "project file", "user file")

    @pytest.mark.parametrize(("higher", "lower"), list(itertools.combinations(ORDER, 2)))
    def test_the_higher_wins(self, write: dict[str, Callable[[str], object]], higher: str, lower: str) -> None:
        write[higher]("1.5")
        write[lower]("2.5")
        assert load(self.overrides).limits.idle_timeout == 1.5

    @pytest.mark.parametrize("only", ORDER)
    def test_any_of_them_goes_before_the_default(self, write: dict[str, Callable[[str], object]], only: str) -> None:
        assert load(self.overrides).limits.idle_timeout == 60
        write[only]("1.5")
        assert load(self.overrides).limits.idle_timeout == 1.5

    @pytest.mark.parametrize(
        ("only", "said"),
        [
            ("flag", "flag"),
            ("environment", "LLMGINE_LIMITS__IDLE_TIMEOUT"),
            ("own .env", "LLMGINE_LIMITS__IDLE_TIMEOUT in .env"),
            ("project .env", "LLMGINE_LIMITS__IDLE_TIMEOUT in {project}/.env"),
            ("project file", "{project}/llmgine.toml"),
            ("user file", "{home}/config/config.toml"),
        ],
    )
    def test_explain_says_where_it_came_from(
        self, write: dict[str, Callable[[str], object]], home: Path, only: str, said: str
    ) -> None:
        write[only]("1.5")
        items = {item.key: item for item in explain(self.overrides)}
        assert items["limits.idle_timeout"].source == said.format(project=Path.cwd().parent, home=home)
        assert float(items["limits.idle_timeout"].value) == 1.5
        assert items["limits.connect_timeout"] == ("limits.connect_timeout", 10.0, "default")

    def test_tables_are_merged_key_by_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        user_file('[limits]\nconnect_timeout = 3\nidle_timeout = 3\n[aliases]\na = "x:user"\nb = "x:user"\n')
        project_file('[limits]\nidle_timeout = 4\n[aliases]\nb = "x:project"\nc = "x:project"\n')
        monkeypatch.setenv("LLMGINE_ALIASES__C", "x:environment")
        settings = load({"aliases": {"d": "x:flag"}})
        assert (settings.limits.connect_timeout, settings.limits.idle_timeout) == (3, 4)
        assert settings.aliases == {"a": "x:user", "b": "x:project", "c": "x:environment", "d": "x:flag"}

    def test_tables_of_tables_are_merged_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        user_file('[providers.mine]\nbase_url = "http://here"\napi_key_env = "A"\n')
        monkeypatch.setenv("LLMGINE_PROVIDERS__MINE__API_KEY_ENV", "B")
        assert load().providers == {"mine": ProviderSettings(base_url="http://here", api_key_env="B")}


class TestFlags:
    def test_dotted_and_nested_keys_mean_the_same(self) -> None:
        assert load({"chat.width": 40, "log.enabled": False}) == load(
            {"chat": {"width": 40}, "log": {"enabled": False}}
        )

    def test_none_is_a_flag_that_was_not_given(self) -> None:
        user_file('model = "x:y"\n')
        assert load({"model": None}).model == "x:y"

    def test_false_and_zero_are_values(self) -> None:
        assert load({"log.enabled": False}).log.enabled is False


class TestVariables:
    def test_a_list_may_be_words_with_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_CHAT__TOOLS", "calculate, current_time")
        assert load().chat.tools == ["calculate", "current_time"]

    def test_a_list_may_be_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_CHAT__TOOLS", '["calculate"]')
        assert load().chat.tools == ["calculate"]

    def test_a_table_may_be_json_and_one_key_of_it_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_LIMITS", '{"idle_timeout": 1, "connect_timeout": 2}')
        monkeypatch.setenv("LLMGINE_LIMITS__IDLE_TIMEOUT", "3")
        assert (load().limits.idle_timeout, load().limits.connect_timeout) == (3, 2)

    def test_an_option_of_an_engine_may_be_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_ENGINES__TOOL_CHAT__MAX_ROUNDS", "3")
        assert [str(value) for value in load().engines["tool_chat"].values()] == ["3"]

    @pytest.mark.parametrize(
        ("variable", "words", "meant"),
        [
            ("SINKS__OTEL__TIMEOUT", "0.5", {"sinks": {"otel": {"timeout": "0.5"}}}),  # whoever reads it knows
            ("ENGINES__MINE__GREETING", "5", {"engines": {"mine": {"greeting": "5"}}}),
            ("ENGINES__MINE", '{"x": "3", "y": 3}', {"engines": {"mine": {"x": "3", "y": 3}}}),
            ("TOOLS__OPTIONS__LOOK", '{"roots": ["/a"]}', {"tools": {"options": {"look": {"roots": ["/a"]}}}}),
            ("PROVIDERS__MINE__NAMES__SEED", "false", {"providers": {"mine": {"names": {"seed": False}}}}),
            ("PROVIDERS__MINE__NAMES__SEED", "random", {"providers": {"mine": {"names": {"seed": "random"}}}}),
            ("PROVIDERS__MINE__ROUTING__ONLY", "a, b", {"providers": {"mine": {"routing": {"only": ["a", "b"]}}}}),
            ("ALIASES__A", "5", {"aliases": {"a": "5"}}),
            ("CHAT__VI_MODE", "yes", {"chat": {"vi_mode": True}}),
            ("LIMITS__RETRIES", "3", {"limits": {"retries": 3}}),
            ("FALLBACK", "a:b,c:d", {"fallback": ["a:b", "c:d"]}),
        ],
    )  # fmt: skip
    def test_words_mean_what_must_be_meant_there(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, words: str, meant: object
    ) -> None:
        monkeypatch.setenv(f"LLMGINE_{variable}", words)
        assert said(load()) == meant

    @pytest.mark.parametrize(
        ("variable", "meant"),
        [
            ("LLMGINE_LIMITS_RETRIES", "LLMGINE_LIMITS__RETRIES"),
            ("LLMGINE_RETRIES", "LLMGINE_LIMITS__RETRIES"),
            ("LLMGINE_MODLE", "LLMGINE_MODEL"),
        ],
    )
    def test_one_that_sets_nothing_is_told_with_the_whole_name_that_was_meant(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
    ) -> None:
        monkeypatch.setenv(variable, "3")
        assert load().notices == (f"{variable} sets nothing: did you mean {meant}?",)

    def test_an_empty_one_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_MODEL", "")
        assert load().model is None

    def test_a_wrong_value_names_the_variable_and_the_near_miss(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_TOOLS__APPROVE", "al")
        error = problem()
        assert error.message == "LLMGINE_TOOLS__APPROVE: 'al' is none of ask, auto-read, all, none"
        assert error.hint == "did you mean all?"

    def test_a_wrong_key_in_a_table_names_the_variable_that_was_meant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_LIMITS__IDEL_TIMEOUT", "3")
        error = problem()
        assert error.message == "LLMGINE_LIMITS__IDEL_TIMEOUT: unknown key"
        assert error.hint is not None
        assert error.hint.startswith("did you mean LLMGINE_LIMITS__IDLE_TIMEOUT")

    def test_a_table_that_is_no_table_names_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_LIMITS", "slow")
        assert problem().message.startswith("LLMGINE_LIMITS: 'slow': ")

    def test_one_that_sets_nothing_is_told_with_the_near_miss(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_MODLE", "x:y")
        for _ in range(2):  # the user's own mistake: told until it is mended
            settings = load()
            assert settings.notices == ("LLMGINE_MODLE sets nothing: did you mean LLMGINE_MODEL?",)
            settings.told()

    def test_a_key_below_a_plain_setting_sets_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_MODEL__NAME", "x:y")
        [notice] = load().notices
        assert notice.startswith("LLMGINE_MODEL__NAME sets nothing")

    def test_home_and_config_are_no_settings(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "other.toml").write_text('model = "x:other"\n')
        monkeypatch.setenv("LLMGINE_CONFIG", str(tmp_path / "other.toml"))
        settings = load()
        assert (settings.model, settings.notices) == ("x:other", ())

    def test_a_config_that_is_not_there_is_told(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("LLMGINE_CONFIG", str(tmp_path / "missing.toml"))
        assert problem().message == f"LLMGINE_CONFIG: no file {tmp_path / 'missing.toml'}"


class TestMistakesInFiles:
    @pytest.mark.parametrize(
        ("text", "message", "hint"),
        [
            ("[limits]\n\nidel_timeout = 3\n", "llmgine.toml:3: limits.idel_timeout: unknown key", "mean idle_timeout"),
            ('modle = "x:y"\n', "llmgine.toml:1: modle: unknown key", "did you mean model?"),
            ("[limts]\nidle_timeout = 3\n", "llmgine.toml:1: limts: unknown key", "did you mean limits?"),
            ("limits.idel_timeout = 3\n", "llmgine.toml:1: limits.idel_timeout: unknown key", "mean idle_timeout"),
            ("[limits]\nidle_timeout = -1\n", "llmgine.toml:2: limits.idle_timeout: -1: input should be greater", None),
            ("limits = 5\n", "llmgine.toml:1: limits: 5: a table is wanted", None),
            ("chat.tools = [1]\n", "llmgine.toml:1: chat.tools: 1: text is wanted", None),
            (
                '[tools]\n# approve = "x"\napprove = "Al"\n',
                "llmgine.toml:3: tools.approve: 'Al' is none of ask, auto-read, all, none",
                "did you mean all",
            ),
            (
                '[providers.mine]\nbase_ulr = "http://x"\n',
                "llmgine.toml:2: providers.mine.base_ulr: unknown key",
                "did you mean base_url?",
            ),
            (
                '[[providers.mine.quirks]]\nmodles = "x"\n',
                "llmgine.toml:2: providers.mine.quirks.modles: unknown key",
                "did you mean models or most?",
            ),
            (
                '[providers.mine]\nquirks = [{ models = "x", drop = ["seed"] }]\n',
                "llmgine.toml:2: providers.mine.quirks.drop: unknown key",
                "did you mean drops?",
            ),
            ("[[providers.mine.quirks]]\n", "llmgine.toml:1: providers.mine.quirks: models is missing", None),
            (
                '[[providers.mine.quirks]]\nmodels = "x("\n',
                "llmgine.toml:2: providers.mine.quirks.models: 'x(': no regular expression: ",
                None,
            ),
            (
                '[[providers.mine.quirks]]\nmodels = "x"\ndrops = ["seed", "temprature"]\n',
                "llmgine.toml:3: providers.mine.quirks.drops: 'temprature' is none of temperature, ",
                "did you mean temperature?",
            ),
            (
                '[providers.mine.names]\nseed = false\ntop_k = "k"\n',
                "llmgine.toml:3: providers.mine.names.top_k: 'top_k' is none of temperature, ",
                "did you mean top_p or stop?",
            ),
            (
                '[providers.mine.names]\nseed = 5\n',
                "llmgine.toml:2: providers.mine.names.seed: 5: text is wanted",
                None,
            ),
            (
                '[providers.openrouter.routing]\nsort = "prise"\n',
                "llmgine.toml:2: providers.openrouter.routing.sort: 'prise' is none of price, throughput, latency",
                "did you mean price?",
            ),
            ("[log]\ndir = 3\n", "llmgine.toml:2: log.dir: 3: a path is wanted", None),
            ("[limits]\nretries = 2.5\n", "llmgine.toml:2: limits.retries: 2.5: a whole number is wanted", None),
            (
                "[providers.mine]\napi_key_env = 'sk-abcdefghijklmnopqrstuvwxyz'\n",
                "llmgine.toml:2: providers.mine.api_key_env: '****wxyz': the name of a variable is wanted",
                None,
            ),
            ("[a\n", "llmgine.toml:1: expected ']' at the end of a table declaration", "no valid TOML"),
            ('model = "x:y"\nengine = \n', "llmgine.toml:2: invalid value", "no valid TOML"),
            ('model = "x', "llmgine.toml:1: ", "no valid TOML"),
            ('[chat]\n[chat]\n', "llmgine.toml:2: cannot declare ('chat',) twice", "no valid TOML"),
        ],
    )  # fmt: skip
    def test_the_file_line_key_and_near_miss_are_named(self, text: str, message: str, hint: str | None) -> None:
        project_file(text)
        error = problem()
        assert error.message.startswith(message)
        assert error.exit_code == 3
        assert hint is None or hint in (error.hint or "")

    @pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "9" * 10_000, "x = { a = " * 10_000])
    def test_a_file_made_to_break_the_reader_is_told(self, text: str) -> None:
        project_file(text)
        assert problem().message.startswith("llmgine.toml:1: ")

    @pytest.mark.parametrize("value", ["inf", "nan", "0", "1e300"])
    def test_a_time_nobody_can_wait_is_refused(self, value: str) -> None:
        user_file(f"[limits]\nidle_timeout = {value}\n")
        assert "limits.idle_timeout" in problem().message

    def test_the_users_file_is_named_in_full(self) -> None:
        file = user_file("x = 1\n")
        assert problem().message == f"{file}:1: x: unknown key"

    def test_several_mistakes_are_counted(self) -> None:
        user_file("x = 1\ny = 1\nz = 1\n")
        assert problem().message.endswith("unknown key (and 2 more mistakes)")
        user_file("x = 1\ny = 1\n")
        assert problem().message.endswith("unknown key (and 1 more mistake)")

    def test_a_file_that_is_not_utf8_names_the_line(self) -> None:
        user_file("").write_bytes(b'model = "x:y"\nengine = "\xff"\n')
        assert problem().message.endswith("config.toml:2: not UTF-8")

    def test_a_byte_order_mark_is_no_mistake(self) -> None:
        user_file("").write_bytes(b'\xef\xbb\xbfmodel = "x:y"\n')
        assert load().model == "x:y"

    def test_a_folder_in_place_of_the_file_is_as_good_as_no_file(self) -> None:
        (Path(os.environ["LLMGINE_HOME"]) / "config" / "config.toml").mkdir(parents=True)
        assert load().model is None

    @pytest.mark.parametrize(
        "text",
        [
            '[providers.mine.headers]\nAuthorization = ["Bearer sk-1234567890"]\n',
            '[providers.mine]\nheaders = "Authorization: Bearer sk-1234567890"\n',
        ],
    )
    def test_a_secret_value_is_not_shown_in_the_message(self, text: str) -> None:
        user_file(text)
        error = problem()
        assert "providers.mine.headers" in error.message
        assert "sk-1234567890" not in error.message


class TestUntrusted:
    HOSTILE = """
        engine = "./evil.py"
        model = "local:./evil.gguf"
        [aliases]
        good = "openai:gpt-5-mini"
        evil = "local:/tmp/evil.gguf"
        [limits]
        idle_timeout = 5
        [chat]
        engine = "engines/evil.py:x"
        tools = ["evil.py"]
        width = 70
        [tools]
        approve = "all"
        timeout = 1000
        [tools.options.get_weather]
        base_url = "http://evil"
        [providers.openai]
        base_url = "http://evil"
        headers = { X = "1" }
        [engines.tool_chat]
        max_rounds = 1000
        [log]
        dir = "/tmp/evil"
        enabled = false
        sinks = ["otel"]
        [sinks.otel]
        endpoint = "http://evil"
    """
    IGNORED = (
        "engine, model, aliases.good, aliases.evil, chat.engine, chat.tools, tools.approve, tools.timeout, "
        "tools.options.get_weather.base_url, providers.openai.base_url, providers.openai.headers.X, "
        "engines.tool_chat.max_rounds, log.dir, log.enabled, log.sinks, sinks.otel.endpoint"
    )

    def test_only_what_is_harmless_counts(self) -> None:
        project_file(self.HOSTILE, trusted=False)
        settings = load()
        assert said(settings) == {"limits": {"idle_timeout": 5}, "chat": {"width": 70}}

    def test_what_was_ignored_is_told_with_the_way_out(self) -> None:
        file = project_file(self.HOSTILE, trusted=False)
        [notice] = load().notices
        assert notice == (
            f"llmgine.toml is not trusted: ignored {self.IGNORED} "
            f"(llmgine trust {file.parent} shows what it would set, and asks)"
        )

    def test_where_the_model_is_named_is_known_if_nobody_vouched_for_that(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = project_file('model = "openai:gpt-5-mini"\n', trusted=False)
        assert load().circumstances.model_from == "llmgine.toml, which nobody has vouched for"
        TrustStore().trust([file])
        assert load().circumstances.model_from is None
        Path(".env").write_text("LLMGINE_MODEL=echo:echo\n")
        assert load().circumstances.model_from == "LLMGINE_MODEL in .env, which nobody has vouched for"
        monkeypatch.setenv("LLMGINE_MODEL", "echo:mine")
        assert load().circumstances.model_from is None

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("[limits]\nidle_timeout = 5\n[a\n", "llmgine.toml:3: expected ']'"),
            ("[limits]\nidle_timeout = 5\n[tools]\naprove = 'all'\n", "llmgine.toml:4: tools.aprove: unknown key"),
            ("[limits]\nidle_timeout = 'soon'\n", "llmgine.toml:2: limits.idle_timeout: 'soon': "),
            ("x = " + "[" * 100_000, "llmgine.toml:1: "),
        ],
    )
    def test_a_broken_file_nobody_trusted_is_told_each_time_and_stops_nothing(self, text: str, told: str) -> None:
        project_file(text, trusted=False)
        for _ in range(2):
            settings = load()
            [notice] = settings.notices
            assert notice.startswith(told)
            assert notice.endswith("nothing in this file counts until that is mended")
            assert settings.limits == Settings().limits
            settings.told()

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"A=\xff\n", ".env: not UTF-8"),
            (b"LLMGINE_LIMITS__IDLE_TIMEOUT=soon\n", "LLMGINE_LIMITS__IDLE_TIMEOUT in .env: 'soon': "),
        ],
    )
    def test_a_broken_env_file_is_told_and_stops_nothing(self, content: bytes, told: str) -> None:
        Path(".env").write_bytes(content)
        settings = load()
        assert [notice.startswith(told) for notice in settings.notices] == [True]
        assert settings.limits == Settings().limits

    def test_a_wrong_value_in_an_env_file_takes_no_key_away(self) -> None:
        Path(".env").write_text("LLMGINE_LIMITS__IDLE_TIMEOUT=soon\nOPENAI_API_KEY=sk-1234567890\n")
        key = load().key("OPENAI_API_KEY")
        assert key is not None
        assert key.get_secret_value() == "sk-1234567890"

    def test_it_is_told_once_and_again_when_the_file_changes(self) -> None:
        project_file(self.HOSTILE, trusted=False)
        assert load().notices
        settings = load()
        assert settings.notices, "nobody has shown it yet"
        settings.told()
        assert load().notices == ()
        project_file(self.HOSTILE + "\n# changed", trusted=False)
        assert load().notices

    def test_reading_tells_it_every_time(self) -> None:
        project_file(self.HOSTILE, trusted=False)
        load().told()
        assert load().notices == ()
        assert read().settings.notices

    def test_a_state_directory_that_cannot_be_written_is_no_failure(self, home: Path) -> None:
        (home / "state").write_text("in the way")
        project_file(self.HOSTILE, trusted=False)
        for _ in range(2):
            settings = load()
            assert settings.notices
            settings.told()

    def test_the_users_own_aliases_stay_what_they_are(self) -> None:
        user_file('[aliases]\nfast = "openai:gpt-5-mini"\n')
        project_file('[aliases]\nfast = "echo:echo"\n"gpt-5" = "echo:echo"\n', trusted=False)
        Path(".env").write_text('LLMGINE_ALIASES={"fast": "echo:echo"}\n')
        assert load().aliases == {"fast": "openai:gpt-5-mini"}

    def test_with_trust_everything_counts(self) -> None:
        project_file('[tools]\napprove = "all"\n[providers.openai]\nbase_url = "http://mine"\n')
        settings = load()
        assert (settings.tools.approve, settings.providers["openai"].base_url) == ("all", "http://mine")
        assert settings.notices == ()

    def test_a_change_takes_the_trust_away(self) -> None:
        file = project_file('[tools]\napprove = "all"\n')
        assert load().tools.approve == "all"
        file.write_text('[tools]\napprove = "all"\ntimeout = 5\n')
        assert load().tools.approve == "ask"

    def test_a_plain_engine_and_any_served_model_are_harmless(self) -> None:
        project_file('model = "openrouter:x-ai/grok"\nengine = "mine"\n[chat]\nengine = "mine"\n', trusted=False)
        settings = load()
        assert (settings.model, settings.engine, settings.chat.engine) == ("openrouter:x-ai/grok", "mine", "mine")

    def test_the_users_own_file_is_trusted_where_it_is_also_the_projects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        file = project_file('[tools]\napprove = "all"\n', trusted=False)
        monkeypatch.setenv("LLMGINE_CONFIG", str(file))
        assert load().tools.approve == "all"

    def test_every_setting_was_decided_about(self) -> None:
        """A new setting is not harmless unless someone says so; this list is what was said."""
        reading = read()
        from llmgine_cli.settings.harmless import split

        everything = {
            "model": "a:b", "engine": "a", "aliases": {"a": "a:b"}, "engines": {"a": {"b": 1}}, "providers": {"a": {}},
            "sinks": {"a": {"b": 1}}, "fallback": ["a:b"], "embedding_model": "a:b",
            **{name: asdict(getattr(reading.settings, name)) for name in ("limits", "chat", "log", "tools")},
        }  # fmt: skip
        assert everything.keys() == fields(Tables).keys()
        assert split(everything)[0] == {
            "model": "a:b", "engine": "a",
            "limits": {
                "connect_timeout": 10.0, "idle_timeout": 60.0, "retries": 2, "retry_after_cap": 60.0,
                "breaker_failures": 5, "breaker_cooldown": 30.0, "attachment_mb": 20.0,
            },
            "chat": {"engine": "tool_chat", "vi_mode": False, "width": None}, "log": {}, "tools": {},
        }  # fmt: skip

    @pytest.mark.parametrize(
        "line",
        [
            'transport = "sdk"', 'platform = "azure"', 'api_version = "1"', 'region = "eu"', 'project = "mine"',
            'base_url = "http://evil"', 'api_key_env = "AWS_SECRET_ACCESS_KEY"',
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("vendor", ["azure", "bedrock", "vertex", "openai", "mine"])
    def test_a_project_nobody_trusted_cannot_say_how_a_vendor_is_reached(self, vendor: str, line: str) -> None:
        file = project_file(f"[providers.{vendor}]\n{line}\n", trusted=False)
        settings = load()
        assert settings.providers == {}
        assert f"ignored providers.{vendor}.{line.partition(' ')[0]}" in settings.notices[0]
        TrustStore().trust([file])
        assert line.partition(" ")[0] in load().providers[vendor].changes


ADDRESSES = {vendor.base_url_env or "ALL_PROXY" for vendor in VENDORS.values()} | {
    name for vendor in VENDORS.values() for names in vendor.variables.values() for name in names
}


class TestDotenv:
    def test_keys_come_from_the_environment_then_from_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(".env").write_text("OPENAI_API_KEY=from-file\nGROQ_API_KEY='quoted'\nXAI_API_KEY=\n")
        monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
        settings = load()
        key = settings.key("OPENAI_API_KEY")
        assert key is not None
        assert key.get_secret_value() == "from-environment"
        assert "from-environment" not in repr(key)
        assert settings.key_source("OPENAI_API_KEY") == "environment"
        groq = settings.key("GROQ_API_KEY")
        assert groq is not None
        assert groq.get_secret_value() == "quoted"
        assert settings.key_source("GROQ_API_KEY") == ".env"
        assert settings.key("XAI_API_KEY") is None
        assert settings.key_source("MISTRAL_API_KEY") is None

    def test_a_key_of_ones_own_goes_before_that_of_a_folder(self) -> None:
        Path(".env").write_text("OPENAI_API_KEY=theirs\n")
        assert load().key_source("OPENAI_API_KEY") == ".env"
        KeyStore().set("OPENAI_API_KEY", "mine")
        settings = load()
        key = settings.key("OPENAI_API_KEY")
        assert key is not None
        assert key.get_secret_value() == "mine"
        assert settings.key_source("OPENAI_API_KEY") == "keys.json"

    def test_a_key_of_a_folder_is_told_once_and_again_when_it_is_another(self) -> None:
        Path(".env").write_text("OPENAI_API_KEY=theirs\nGREETING=hello\n")
        settings = load()
        assert settings.notices == ("OPENAI_API_KEY is from .env: requests go to the account of whoever made the key",)
        settings.told()
        assert load().notices == ()
        Path(".env").write_text("OPENAI_API_KEY=others\n")
        assert len(load().notices) == 1

    def test_an_address_comes_from_the_environment_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(".env").write_text("OPENAI_BASE_URL=http://evil\nOLLAMA_HOST=http://evil\nHTTPS_PROXY=http://evil\n")
        monkeypatch.setenv("OLLAMA_HOST", "http://mine")
        settings = load()
        assert settings.address("OPENAI_BASE_URL") is None
        assert settings.address("OLLAMA_HOST") == "http://mine"

    def test_an_address_that_does_not_count_is_told_once(self) -> None:
        Path(".env").write_text("OPENAI_BASE_URL=http://evil\nhttps_proxy=http://evil\nREDIS_HOST=box\n")
        settings = load()
        [notice] = settings.notices
        assert notice == (
            ".env: ignored OPENAI_BASE_URL, https_proxy: a folder's .env may give keys, but not say where they are"
            " sent; export it in your shell, or set base_url in your own config"
        )
        settings.told()
        assert load().notices == ()

    def test_an_address_that_the_shell_says_too_is_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path(".env").write_text("OLLAMA_HOST=http://mine\n")
        monkeypatch.setenv("OLLAMA_HOST", "http://mine")
        assert load().notices == ()

    @pytest.mark.parametrize("name", sorted(ADDRESSES))
    def test_the_address_of_no_vendor_is_ignored_in_silence(self, name: str) -> None:
        Path(".env").write_text(f"{name}=http://evil\n")
        assert load().notices[0].startswith(f".env: ignored {name}: ")

    def test_nothing_of_it_reaches_the_environment(self) -> None:
        Path(".env").write_text(
            "OPENAI_API_KEY=x\nHTTPS_PROXY=http://evil\nLLMGINE_HOME=/tmp/evil\nLLMGINE_MODEL=a:b\n"
        )
        before = dict(os.environ)
        load()
        assert dict(os.environ) == before

    def test_it_does_not_move_the_home(self, home: Path) -> None:
        Path(".env").write_text("LLMGINE_HOME=/tmp/evil\nLLMGINE_CONFIG=/tmp/evil.toml\n")
        assert load().log_dir == home / "state" / "logs"

    def test_it_sets_what_is_harmless_and_the_rest_is_told_once(self) -> None:
        Path(".env").write_text(
            "LLMGINE_MODEL=a:b\nLLMGINE_LOG__DIR=/tmp/evil\nLLMGINE_PROVIDERS__OPENAI__BASE_URL=x\n"
        )
        settings = load()
        assert (settings.model, settings.log.dir, settings.providers) == ("a:b", None, {})
        [notice] = settings.notices
        assert notice.startswith(".env: ignored LLMGINE_LOG__DIR, LLMGINE_PROVIDERS__OPENAI__BASE_URL: ")
        settings.told()
        assert load().notices == ()

    def test_it_stays_untrusted_in_a_trusted_project(self) -> None:
        project_file("")
        Path(".env").write_text("LLMGINE_TOOLS__APPROVE=all\n")
        assert load().tools.approve == "ask"

    def test_it_cannot_read_other_variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-mine")
        Path(".env").write_text("OPENAI_API_KEY=${ANTHROPIC_API_KEY}\n")
        key = load().key("OPENAI_API_KEY")
        assert key is not None
        assert key.get_secret_value() == "${ANTHROPIC_API_KEY}"

    def test_keys_are_not_in_the_repr(self) -> None:
        Path(".env").write_text("OPENAI_API_KEY=sk-very-secret\n")
        settings = load()
        assert "sk-very-secret" not in repr(settings) + repr(settings.circumstances)


class TestExplain:
    def test_every_setting_is_told(self) -> None:
        assert [item.key for item in explain()] == [
            "model", "embedding_model", "fallback", "engine", "aliases",
            "limits.connect_timeout", "limits.idle_timeout",
            "limits.retries", "limits.retry_after_cap", "limits.breaker_failures", "limits.breaker_cooldown",
            "limits.attachment_mb", "limits.max_cost", "limits.max_cost_session", "limits.max_cost_day",
            "chat.engine", "chat.tools", "chat.vi_mode", "chat.width", "log.enabled", "log.sinks", "log.dir",
            "tools.approve", "tools.timeout", "tools.options", "engines", "sinks", "providers",
        ]  # fmt: skip

    def test_secrets_are_masked(self) -> None:
        user_file(
            '[providers.mine]\nbase_url = "https://me:pass@host/v1"\napi_key_env = "MY_API_KEY"\n'
            '[providers.mine.headers]\nAuthorization = "Bearer sk-123456789abcd"\n'
            '[tools.options.post]\napi_key = "short"\nregion = "eu"\n'
            '[engines.x]\nnested = { token = "abcdefghijklmnop" }\n'
        )
        values = {item.key: item.value for item in explain()}
        assert values["providers.mine.base_url"] == "https://****@host/v1"
        assert values["providers.mine.api_key_env"] == "MY_API_KEY"
        assert values["providers.mine.headers.Authorization"] == "****abcd"
        assert values["tools.options.post.api_key"] == "****"
        assert values["tools.options.post.region"] == "eu"
        assert values["engines.x.nested.token"] == "****mnop"

    def test_the_variable_of_a_whole_table_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LLMGINE_CHAT", '{"vi_mode": true}')
        items = {item.key: item for item in explain()}
        assert items["chat.vi_mode"] == ("chat.vi_mode", True, "LLMGINE_CHAT")
        assert items["chat.width"].source == "default"


def test_a_list_of_tables_is_shown_as_it_was_written() -> None:
    user_file('[[providers.mine.quirks]]\nmodels = "x"\ndrops = ["seed"]\n')
    items = {item.key: item.value for item in explain()}
    assert items["providers.mine.quirks"] == [{"models": "x", "drops": ["seed"]}]


class TestExample:
    @staticmethod
    def uncommented() -> str:
        lines = (
            line[1:] if line[:1] == "#" and line[1:2] not in ("", " ") else line for line in example().splitlines()
        )
        return "\n".join(lines)

    def test_as_it_stands_it_sets_nothing(self) -> None:
        user_file(example())
        assert said(load()) == said(Settings())

    def test_uncommented_it_loads_and_sets_everything(self) -> None:
        user_file(self.uncommented())
        load()
        defaults = [item.key for item in explain() if item.source == "default"]
        assert defaults == []

    def test_every_setting_is_explained(self) -> None:
        lines = example().splitlines()
        bare = [
            line for before, line in itertools.pairwise(lines)
            if line[:1] == "#" and line[1:2].isalpha() and not before.startswith(("# ", "#["))
        ]  # fmt: skip
        assert bare == []

    def test_what_is_shown_are_the_defaults(self) -> None:
        user_file(self.uncommented())
        settings = load()
        no_caps = {"max_cost": None, "max_cost_session": None, "max_cost_day": None}
        assert replace(settings.limits, **no_caps) == Settings().limits
        assert settings.tools.approve == "ask"


class TestPlaces:
    def test_a_working_folder_that_was_removed_is_no_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        user_file('model = "a:b"\n')
        assert (load().model, load().project) == ("a:b", None)

    def test_a_relative_log_dir_in_a_file_is_relative_to_the_file(self) -> None:
        file = user_file('[log]\ndir = "logs"\n')
        assert load().log_dir == file.parent / "logs"

    def test_a_tilde_is_the_home_directory(self) -> None:
        user_file('[log]\ndir = "~/my-logs"\n')
        assert load().log_dir == Path.home() / "my-logs"

    def test_a_relative_flag_is_relative_to_the_working_folder(self) -> None:
        assert load({"log.dir": "here"}).log_dir == Path("here")

    def test_the_project_is_found_upward(self, monkeypatch: pytest.MonkeyPatch) -> None:
        project = project_file("").parent
        (project / "a" / "b").mkdir(parents=True)
        monkeypatch.chdir(project / "a" / "b")
        assert load().project == project

    def test_marks_of_what_was_told_are_private(self, home: Path) -> None:
        project_file("[log]\nenabled = false\n", trusted=False)
        load().told()
        [mark] = (home / "state" / "told").iterdir()
        assert stat.S_IMODE(mark.stat().st_mode) == 0o600
        assert stat.S_IMODE(mark.parent.stat().st_mode) == 0o700


def test_settings_made_of_tables_take_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGINE_MODEL", "a:b")
    user_file('engine = "x"\n')
    settings = made_of({"chat": {"width": 50}})
    assert (settings.model, settings.engine, settings.chat.width) == (None, None, 50)
    assert (settings.project, settings.notices) == (None, ())


def test_importing_the_settings_brings_no_cloud_and_no_http() -> None:
    probe = "import sys, llmgine_cli.settings as s; s.load(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "llmgine_cli.settings.load" in done.stdout.split()
    foreign = {
        "pydantic",
        "pydantic_core",
        "pydantic_settings",
        "boto3",
        "azure",
        "google.cloud",
        "httpx2",
        "openai",
        "anthropic",
        "typer",
        "rich",
        "yaml",
    }
    assert not foreign & set(done.stdout.split())


SECRETS = {
    "providers": {"mine": {"headers": {"Authorization": "Bearer topsecret-1"}, "base_url": "http://here"}},
    "sinks": {"otel": {"token": "topsecret-2"}},
    "tools": {"options": {"look": {"key": "topsecret-3"}}},
}


def test_what_may_be_secret_is_shown_neither_by_repr_nor_by_rich() -> None:
    from rich.pretty import pretty_repr

    settings = made_of(SECRETS)
    assert "topsecret-1" in settings.providers["mine"].headers["Authorization"]
    for shown in (repr(settings), pretty_repr(settings), pretty_repr(settings.providers), f"{settings.tools!r}"):
        assert "topsecret" not in shown
    assert "http://here" in repr(settings)


def test_what_one_application_changes_is_not_changed_for_another() -> None:
    Settings().log.sinks.append("otel")
    Settings().chat.tools.append("x")
    assert (Settings().log.sinks, Settings().chat.tools, made_of({}).log.sinks) == (["jsonl"], [], ["jsonl"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('LLMGINE_CHAT={"width":"\\ud800"}', ".env"),
        ("LLMGINE_CHAT=" + "[" * 5000, ".env"),
        ('LLMGINE_CHAT={"\\ud800":1}', ".env"),
    ],
)
def test_a_spoilt_env_file_of_any_folder_stops_nothing(text: str, message: str) -> None:
    Path(".env").write_text(text)
    settings = load()
    assert settings.chat == Settings().chat
    assert all(message in notice for notice in settings.notices)


def test_a_variable_with_half_a_character_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGINE_LIMITS__RETRIES", os.fsdecode(b"\xff"))
    assert problem().message.startswith("LLMGINE_LIMITS__RETRIES")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[limits]\nmax_cost = nan\n", "limits.max_cost: nan: input should be a finite number"),
        ("[limits]\nmax_cost = inf\n", "limits.max_cost: inf: input should be a finite number"),
        ("[limits]\nmax_cost_day = -inf\n", "limits.max_cost_day: -inf: input should be a finite number"),
        ("[limits]\nmax_cost_session = inf\n", "limits.max_cost_session: inf: input should be a finite number"),
        ("[providers.p.names]\ntop_p = 'p'\ntemperature = 1\n", "providers.p.names.temperature: 1: text is wanted"),
        ("[providers.p.names]\nseed = true\n", "providers.p.names.seed: True: text is wanted"),
        ("[[providers.p.quirks]]\nmodels = 'x'\nnames = { seed = true }\n", "providers.p.quirks.names.seed: True"),
        ("[providers.p]\nown_models = '('\n", "providers.p.own_models: '(': no regular expression"),
    ],
)
def test_what_only_a_check_finds_is_told_with_its_key(text: str, message: str) -> None:
    user_file(text)
    assert message in problem().message


GOOD: list[dict[str, object]] = [
    {},
    {"model": "a:b", "fallback": ["a:b"], "aliases": {"x": "y"}, "engine": "e"},
    {"limits": {"connect_timeout": 3, "retries": 0, "max_cost": 0.5, "breaker_failures": 0, "attachment_mb": 1000}},
    {"chat": {"engine": "e", "tools": ["a"], "vi_mode": True, "width": 20}},
    {"log": {"enabled": False, "sinks": [], "dir": "~/logs"}},
    {"tools": {"approve": "all", "timeout": 0.1, "options": {"a": {"b": [1, {"c": None}]}}}},
    {"engines": {"a": {"b": 1}}, "sinks": {"a": {"b": 1.5}}},
    {
        "providers": {
            "p": {
                "protocol": "responses", "base_url": "x", "api_key_env": "A_1", "headers": {"a": "b"}, "max_tokens": 1,
                "names": {"seed": False, "stop": "ends"}, "routing": {"only": ["a"], "sort": "price"},
                "requests_per_minute": 1, "transport": "sdk", "platform": "azure",
                "quirks": [
                    {
                        "models": "^x", "unless": {"a": [1, 2]}, "drops": ["seed"], "names": {"top_p": False},
                        "efforts": {"low": "l", "high": {"a": 1}}, "budgets": {"low": 1}, "least": {"seed": 1},
                        "formats": ["json_schema"], "system_role": "developer", "images": False,
                    }
                ],
            }
        }
    },
]  # fmt: skip
BAD: list[dict[str, object]] = [
    {"model": 5}, {"model": ["a"]}, {"fallback": "a:b"}, {"aliases": {"x": 5}}, {"nope": 1}, {"limits": []},
    {"limits": {"retries": -1}}, {"limits": {"retries": 101}}, {"limits": {"retries": "many"}},
    {"limits": {"connect_timeout": 0}}, {"limits": {"idle_timeout": 86_401}}, {"limits": {"max_cost": -0.1}},
    {"limits": {"max_cost": float("inf")}}, {"limits": {"max_cost": float("nan")}}, {"chat": {"width": 19}},
    {"chat": {"vi_mode": 3}}, {"log": {"dir": 3}}, {"log": {"sinks": [1]}}, {"tools": {"approve": "All"}},
    {"providers": {"p": {"protocol": "soap"}}}, {"providers": {"p": {"own_models": "("}}},
    {"providers": {"p": {"api_key_env": "sk-123"}}}, {"providers": {"p": {"names": {"seed": True}}}},
    {"providers": {"p": {"names": {"sed": "x"}}}}, {"providers": {"p": {"max_tokens": 0}}},
    {"providers": {"p": {"quirks": [{}]}}}, {"providers": {"p": {"quirks": [{"models": "x", "budgets": {"low": 0}}]}}},
    {"providers": {"p": {"quirks": [{"models": "x", "unless": {"a": 1, "b": 2}}]}}},
    {"providers": {"p": {"max_concurrency": 0}}}, {"providers": {"p": {"routing": {"sort": "x"}}}},
]  # fmt: skip


@pytest.mark.parametrize("tables", GOOD, ids=str)
def test_both_checkers_take_what_is_right_as_the_same(tables: dict[str, object]) -> None:
    from llmgine_cli.settings.checking import checked
    from llmgine_cli.settings.load import _converted  # pyright: ignore[reportPrivateUsage]

    assert _converted(tables) == _converted(checked(tables)) == made_of(tables)


@pytest.mark.parametrize("tables", BAD, ids=str)
def test_both_checkers_refuse_what_is_wrong(tables: dict[str, object]) -> None:
    from llmgine_cli.settings.checking import checked
    from llmgine_cli.settings.load import _converted  # pyright: ignore[reportPrivateUsage]

    with pytest.raises(ValidationError):
        _converted(tables)
    with pytest.raises(PydanticError):
        checked(tables)
    with pytest.raises(SettingsError):
        made_of(tables)


def test_a_provider_is_shown_with_what_is_said_of_it() -> None:
    user_file('[providers.mine]\nbase_url = "http://x"\nmax_tokens = 5\nrouting = { sort = "price" }\n')
    shown = {item.key: item.value for item in explain() if item.key.startswith("providers")}
    assert shown == {
        "providers.mine.base_url": "http://x",
        "providers.mine.max_tokens": 5,
        "providers.mine.routing.sort": "price",
    }


def test_a_tilde_in_a_variable_is_shown_as_the_folder_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGINE_LOG__DIR", "~/x")
    assert load().log_dir == Path.home() / "x"
    [item] = [item for item in explain() if item.key == "log.dir"]
    assert item.value == str(Path.home() / "x")


def test_a_line_of_an_env_file_that_says_nothing_is_told_with_its_number() -> None:
    Path(".env").write_text("A=1\nthis is no variable\nLLMGINE_LIMITS__RETRIES=1\n# a comment\nexport B='x y'\n")
    settings = load()
    assert settings.limits.retries == 1
    assert settings.notices == (".env:2: this says nothing: NAME=value is wanted",)
    Path(".env").write_text("A=1\n\n\n\nthis is bad\n\n# x\nALONE\n")
    assert [notice.partition(": ")[0] for notice in load().notices] == [".env:5", ".env:8"]


def test_a_variable_in_an_env_file_that_sets_nothing_is_told_once() -> None:
    Path(".env").write_text("LLMGINE_RETRIES=3\n")
    settings = load()
    assert settings.notices == (".env: LLMGINE_RETRIES sets nothing: did you mean LLMGINE_LIMITS__RETRIES?",)
    settings.told()
    assert load().notices == ()


def test_a_secret_that_is_a_number_is_masked_as_well() -> None:
    user_file(
        "[sinks.otel]\ntoken = 12345678901234567\ntimeout = 3\n[providers.p]\nheaders = { X = '1234567890123456789' }\n"
    )
    shown = {item.key: item.value for item in explain()}
    assert (shown["sinks.otel.token"], shown["sinks.otel.timeout"]) == ("****4567", 3)
    assert shown["providers.p.headers.X"] == "****6789"
