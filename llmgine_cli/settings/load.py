"""Read everything that sets something, in order, and make `Settings` of it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import msgspec

from llmgine_cli import places
from llmgine_cli.errors import SettingsError
from llmgine_cli.keys import KeyStore
from llmgine_cli.settings.harmless import split
from llmgine_cli.settings.model import Circumstances, Notice, Settings, Tables
from llmgine_cli.settings.sources import File, Flags, Key, Source, Variables, holds, merged, read_dotenv, shown
from llmgine_cli.trust import TrustStore, digest

# Variables that would say where requests, and the keys in them, are sent; and whose word proves who is there.
_ADDRESSES = frozenset(
    {
        *("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "TOGETHER_BASE_URL", "OLLAMA_HOST"),
        *("LMSTUDIO_BASE_URL", "VLLM_BASE_URL"),
        *("AZURE_OPENAI_ENDPOINT", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "OPENAI_API_VERSION"),
        *("AWS_REGION", "AWS_DEFAULT_REGION", "CLOUD_ML_REGION", "ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)


@dataclass(frozen=True)
class Reading:
    """What was read.

    Attributes:
        settings: The outcome, with all notices.
        sources: What it was made of; the first that says something wins.
    """

    settings: Settings
    sources: tuple[Source, ...]


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings; notices about what wants trust are left out once they were told, until that changes.

    Args:
        overrides: What the command line says: dotted keys (`log.dir`) or nested tables; None is a flag not given.

    Raises:
        SettingsError: A setting is wrong; the message names the file or variable and the key.
    """
    settings = read(overrides).settings
    found = settings.circumstances
    return settings.under(replace(found, notices=tuple(notice for notice in found.notices if not notice.was_told())))


def read(overrides: Mapping[str, Any] | None = None) -> Reading:
    """Load the settings, and keep where each came from, and every notice.

    Raises:
        SettingsError: A setting is wrong; the message names the file or variable and the key.
    """
    project = places.project_dir()
    stored = KeyStore()
    notices: list[Notice] = []
    dotenv: dict[str, tuple[str, Path]] = {}
    sources: list[Source] = [Flags(overrides or {}), _environment(notices)]
    for file in _dotenv_files(project):
        variables = _variables(file, notices)
        dotenv = {name: (value, file) for name, value in variables.items()} | dotenv
        sources.append(_dotenv(variables, file, notices))
        notices += _addresses(variables, file)
        notices += _keys(variables, file, stored)
    withheld: list[Key] = []
    sources += _project_file(project, notices, withheld) if project else []
    sources.append(_user_file())
    settings = _made_of(sources)
    circumstances = Circumstances(
        project, tuple(notices), dotenv, _unvouched(sources, ("model",)), stored, tuple(withheld)
    )
    return Reading(settings.under(circumstances), tuple(sources))


def _unvouched(sources: Sequence[Source], key: Key) -> str | None:
    """Where a setting is from, if that is a file that came with a folder and nobody has vouched for it."""
    source = next((source for source in sources if holds(source(), key)), None)
    return None if source is None or source.vouched else f"{source.where(key)}, which nobody has vouched for"


def check(path: Path, content: bytes) -> None:
    """Check that a settings file would do.

    Args:
        path: Where it is.
        content: What was read from it.

    Raises:
        SettingsError: It would not; the message names the line and the key.
    """
    _made_of([File(path, content=content)])


def made_of(tables: Mapping[str, Any]) -> Settings:
    """Return settings that say what nested tables say, and nothing else.

    Raises:
        SettingsError: A setting is wrong; the message names the key.
    """
    return _made_of([Flags(tables)])


def _made_of(sources: Sequence[Source]) -> Settings:
    data = merged(sources)
    try:
        return _converted(data)
    except (msgspec.ValidationError, UnicodeEncodeError):  # of half a character it says the latter
        return _coerced(data, sources)


def _converted(data: Mapping[str, Any]) -> Settings:
    tables = msgspec.convert(data, Tables, dec_hook=_path)
    return Settings(**{name: getattr(tables, name) for name in Tables.__struct_fields__})


def _path(_: type[Path], value: Any) -> Path:
    """Make a path: of all types of settings it alone is none of msgspec's."""
    return Path(value).expanduser()


def _coerced(data: Mapping[str, Any], sources: Sequence[Source]) -> Settings:
    """Take what can be meant as a value of the right type, as words from variables are, and say what cannot."""
    from pydantic import ValidationError

    from llmgine_cli.settings.checking import checked
    from llmgine_cli.settings.problems import problem

    try:
        return _converted(checked(data))
    except ValidationError as error:
        raise problem(error, sources) from None  # it shows values, and a value may be a secret
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # the two do not agree
        raise SettingsError(f"a setting is wrong: {error}") from None


def _environment(notices: list[Notice]) -> Variables:
    source = Variables(os.environ)
    notices += [Notice(f"{name} sets nothing: {meant}") for name, meant in source.unknown()]
    return source


def _dotenv_files(project: Path | None) -> list[Path]:
    """The working folder's, then the project's."""
    try:
        folders = [Path.cwd(), *([project] if project else [])]
    except FileNotFoundError:  # the working folder was removed under our feet
        return []
    return [folder / ".env" for folder in dict.fromkeys(folder.resolve() for folder in folders)]


def _variables(file: Path, notices: list[Notice]) -> dict[str, str]:
    try:
        found = read_dotenv(file)
    except SettingsError as error:
        notices.append(_broken(error))
        return {}
    notices += [Notice(f"{shown(file)}:{line}: this says nothing: NAME=value is wanted") for line in found.unread]
    return found.variables


def _broken(error: SettingsError) -> Notice:
    """Nobody vouched for the file: what is wrong with it must not keep the program from working in its folder."""
    hint = f" ({error.hint})" if error.hint else ""
    return Notice(f"{error.message}{hint}: nothing in this file counts until that is mended")


def _dotenv(variables: Mapping[str, str], file: Path, notices: list[Notice]) -> Variables:
    """A `.env` file comes with the folder, and nobody looks into it: it sets only what is harmless."""
    source = Variables(variables, file)
    mark = digest(repr(sorted(variables.items())).encode())
    notices += [Notice(f"{shown(file)}: {name} sets nothing: {meant}", mark) for name, meant in source.unknown()]
    source.data, ignored = split(source.data)
    try:
        _made_of([source])
    except SettingsError as error:
        notices.append(_broken(error))
        source.data = {}
        return source
    if ignored:
        names = ", ".join(sorted({source.variable(key) for key in ignored}))
        text = f"{shown(file)}: ignored {names}: a .env file may not set it; put it into the environment or config.toml"
        notices.append(Notice(text, mark))
    return source


def _addresses(variables: Mapping[str, str], file: Path) -> list[Notice]:
    """Tell which addresses in a `.env` file do not count; what the shell says as well does count."""
    names = [name for name, value in variables.items() if name.upper() in _ADDRESSES and os.environ.get(name) != value]
    if not names:
        return []
    text = (
        f"{shown(file)}: ignored {', '.join(sorted(names))}: a folder's .env may give keys, but not say where they are"
        " sent; export it in your shell, or set base_url in your own config"
    )
    return [Notice(text, digest(repr(sorted(variables.items())).encode()))]


def _keys(variables: Mapping[str, str], file: Path, stored: KeyStore) -> list[Notice]:
    """Tell which keys of a `.env` file count: requests go to the account of whoever made them."""
    names = [
        name
        for name in variables
        if name.endswith("_API_KEY") and not os.environ.get(name) and stored.where(name) is None
    ]
    if not names:
        return []
    verb = "is" if len(names) == 1 else "are"
    text = f"{', '.join(sorted(names))} {verb} from {shown(file)}: requests go to the account of whoever made the key"
    return [Notice(text, digest(repr(sorted((name, variables[name]) for name in names)).encode()))]


def _project_file(project: Path, notices: list[Notice], withheld: list[Key]) -> list[File]:
    """The project's `llmgine.toml`: all of it when it is trusted, what is harmless when it is not.

    Args:
        project: Its folder.
        notices: To which is added what people are to be told.
        withheld: To which the keys are added that do not count.
    """
    path = project / places.PROJECT_FILE
    own = path.resolve() == places.config_file().resolve()
    vouched = own or TrustStore().is_trusted(path)
    told: list[Notice] = []

    def accept(content: bytes, data: dict[str, Any]) -> dict[str, Any]:
        if own or TrustStore().is_trusted(path, content):  # of this very content
            return data
        kept, ignored = split(data)
        withheld.extend(ignored)
        told.extend(_not_trusted(path, content, ignored))
        return kept

    try:
        file = File(path, accept, vouched=vouched)
        if not vouched:
            _made_of([file])
    except SettingsError as error:
        if vouched:
            raise
        notices.append(_broken(error))
        return []
    notices += told
    return [file]


def _not_trusted(path: Path, content: bytes, ignored: list[Key]) -> Iterator[Notice]:
    if ignored:
        keys = ", ".join(".".join(key) for key in ignored)
        allow = f"llmgine trust {quote(str(path.parent))} shows what it would set, and asks"
        yield Notice(f"{shown(path)} is not trusted: ignored {keys} ({allow})", digest(content))


def _user_file() -> File:
    path = places.config_file()
    if os.environ.get("LLMGINE_CONFIG") and not path.is_file():
        raise SettingsError(f"LLMGINE_CONFIG: no file {path}", hint="llmgine config init creates it")
    return File(path)
