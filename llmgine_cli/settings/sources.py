"""Where settings are read: flags, variables and files.

Each is a function that returns what it says as nested tables, and knows where each setting is written.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from llmgine_cli.errors import SettingsError
from llmgine_cli.settings.model import Tables
from llmgine_cli.settings.table import Field, fields

PREFIX = "LLMGINE_"
NO_SETTINGS = ("LLMGINE_HOME", "LLMGINE_CONFIG")  # they say where settings are; see `places`
Key: TypeAlias = tuple[str, ...]


class Flags:
    """What the command line says.

    Args:
        values: Dotted keys (`log.dir`) or nested tables; None stands for a flag that was not given.
    """

    vouched = True

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._tables: dict[str, Any] = {}
        for key, value in values.items():
            if value is not None:
                *tables, last = key.split(".")
                table = self._tables
                for name in tables:
                    table = table.setdefault(name, {})
                table[last] = value

    def __call__(self) -> dict[str, Any]:
        """What the flags say."""
        return self._tables

    def where(self, _: Key) -> str:
        """Every flag is one."""
        return "flag"


class Variables:
    """`LLMGINE_*` variables: of the environment, or of a `.env` file.

    Args:
        variables: Name → value.
        file: The `.env` file they are from; None for the environment.
    """

    def __init__(self, variables: Mapping[str, str], file: Path | None = None) -> None:
        self._named = {name.lower(): name for name in variables if name.upper().startswith(PREFIX)}
        said = {name.lower(): value for name, value in variables.items() if value and name.lower() in self._named}
        self.file = file
        self.vouched = file is None
        self.data = _tables(said) if any(name.upper() not in NO_SETTINGS for name in said) else {}

    def __call__(self) -> dict[str, Any]:
        """What the variables say, as nested tables."""
        return self.data

    def where(self, key: Key) -> str:
        """The variable, and the file if it is in one."""
        name = self.variable(key)
        return f"{name} in {shown(self.file)}" if self.file else name

    def variable(self, key: Key) -> str:
        """The variable that sets a key: its own, or that of a table it is in."""
        for length in range(len(key), 0, -1):
            name = self._named.get((PREFIX + "__".join(key[:length])).lower())
            if name:
                return name
        return PREFIX + "__".join(key).upper()

    def unknown(self) -> Iterator[tuple[str, str]]:
        """Variables that set nothing, each with what was probably meant: they are other people's, or misspelt."""
        for lower, name in self._named.items():
            head, *rest = lower.removeprefix(PREFIX.lower()).split("__")
            field = fields(Tables).get(head)
            if name.upper() not in NO_SETTINGS and (field is None or (rest and not _is_table(field))):
                yield name, _meant(name)


class File:
    """A TOML file.

    Args:
        path: It need not exist.
        accept: Gets the content and the settings in it; returns those that count. What was judged is what is used: the
            file is read once.
        vouched: Whether the user wrote or trusted it.
        content: What was read from it; default: it is read now.

    Raises:
        SettingsError: It cannot be read, or is no TOML; the message names the line.
    """

    def __init__(
        self,
        path: Path,
        accept: Callable[[bytes, dict[str, Any]], dict[str, Any]] = lambda _, data: data,
        *,
        vouched: bool = True,
        content: bytes | None = None,
    ) -> None:
        self.path = path
        self.vouched = vouched
        self._accept = accept
        self._text = ""
        self._tables = self._read(content) if content is not None or path.is_file() else {}

    def __call__(self) -> dict[str, Any]:
        """What the file says."""
        return self._tables

    def where(self, _: Key) -> str:
        """The file."""
        return shown(self.path)

    def line(self, key: Key) -> int | None:
        """The line on which a key is set, as far as it can be found."""
        table: Key = ()
        for number, line in enumerate(self._text.splitlines(), start=1):
            words = line.strip()
            if words.startswith("["):
                table = _key_of(words)
                if table == key:
                    return number
            elif (
                "=" in words and not words.startswith("#") and (*table, *_key_of(words.partition("=")[0] + "=0")) == key
            ):
                return number
        return None

    def _read(self, content: bytes | None) -> dict[str, Any]:
        path = self.path
        try:
            content = path.read_bytes() if content is None else content
            self._text = content.decode("utf-8-sig")
            data = tomllib.loads(self._text)
        except OSError as error:
            raise SettingsError(f"{shown(path)}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise SettingsError(f"{shown(path)}:{line}: not UTF-8", hint="save the file as UTF-8") from error
        except (ValueError, RecursionError) as error:  # also a number too long to read, or tables nested too deep
            raise _syntax_error(path, self._text, error) from error
        return self._accept(content, _anchored(data, path.parent))


def merged(sources: Sequence["Source"]) -> dict[str, Any]:
    """Return what all of them say: the first that says something wins, tables are merged key by key."""
    whole: dict[str, Any] = {}
    for source in reversed(sources):
        whole = _over(whole, source())
    return whole


def holds(data: Any, key: Key) -> bool:
    """Whether a source says something about a key; of a list of tables, one of them."""
    if not key:
        return True
    if isinstance(data, list):
        return any(holds(one, key) for one in cast("list[object]", data))
    return isinstance(data, dict) and key[0] in data and holds(cast("dict[str, Any]", data)[key[0]], key[1:])


# What has a value for a setting, and can say where that was written.
Source: TypeAlias = Flags | Variables | File


class Dotenv(NamedTuple):
    """What a `.env` file says.

    Attributes:
        variables: Name → value; empty ones are left out.
        unread: The numbers of the lines that say nothing, as far as anybody can see.
    """

    variables: dict[str, str]
    unread: tuple[int, ...] = ()


def read_dotenv(file: Path) -> Dotenv:
    """Read a `.env` file; `${NAME}` stays as it stands, for the values of other variables are none of its business.

    Raises:
        SettingsError: It cannot be read.
    """
    if not file.is_file():
        return Dotenv({})
    from dotenv.parser import parse_stream

    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{shown(file)}: not UTF-8", hint="save the file as UTF-8") from error
    except OSError as error:
        raise SettingsError(f"{shown(file)}: cannot be read: {error.strerror}") from error
    variables = {binding.key: binding.value for binding in bindings if binding.key and binding.value}
    unread = (each.original for each in bindings if each.error or (each.key and each.value is None))
    return Dotenv(variables, tuple(each.line + _blanks_before(each.string) for each in unread))


def _blanks_before(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")


def variable_meant(tables: Key, name: str, known: Iterable[str]) -> str:
    """Say which variable was probably meant by one that sets nothing.

    Args:
        tables: The tables the setting would be in.
        name: The setting, as written.
        known: The settings there are.
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    variables = [PREFIX + "__".join((*tables, each)).upper() for each in close or names]
    return f"did you mean {' or '.join(variables)}?" if close else f"known: {', '.join(variables)}"


def _meant(name: str) -> str:
    """Say which variable was probably meant by one that sets nothing at all."""
    known = [
        PREFIX + "__".join((table, *below)).upper()
        for table, field in fields(Tables).items()
        for below in ([(key,) for key in fields(field.table)] if field.table else [()])
    ]
    alike = get_close_matches(name.upper(), known, n=3, cutoff=0.85)
    alike = alike or [each for each in known if each.endswith("__" + name.upper().removeprefix(PREFIX))]
    return f"did you mean {' or '.join(alike)}?" if alike else variable_meant((), name[len(PREFIX) :], fields(Tables))


def shown(path: Path | None) -> str:
    """A path as people like to read it: relative to the working folder if it is below."""
    if path is None:
        return ""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for name, value in above.items():
        old = found.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            found[name] = _over(cast("dict[str, Any]", old), cast("dict[str, Any]", value))
        else:
            found[name] = value
    return found


def _tables(said: Mapping[str, str]) -> dict[str, Any]:
    # pydantic-settings takes long to load, and most people set no variables.
    from llmgine_cli.settings.variables import read_variables

    return read_variables(said)


def _is_table(field: Field) -> bool:
    return field.kind is not str and field.kind != str | None


def _syntax_error(path: Path, text: str, error: ValueError | RecursionError) -> SettingsError:
    """Say on which line; Python 3.11 has it only in the message."""
    said, _, place = str(error).rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    line = int(words[1]) if words[:1] == ["line"] else text.count("\n") + 1
    said = said or str(error)
    return SettingsError(f"{shown(path)}:{line}: {said[0].lower()}{said[1:]}", hint="the file is no valid TOML")


def _anchored(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make `log.dir` absolute: in a file, a relative path is relative to the file."""
    log = data.get("log")
    if isinstance(log, dict):
        table = cast("dict[str, Any]", log)
        if isinstance(said := table.get("dir"), str):
            return {**data, "log": {**table, "dir": str(folder / Path(said).expanduser())}}
    return data


def _key_of(toml: str) -> Key:
    """The key of a line such as `[a.b]` or `a.b =0`; nothing if it is no such line."""
    try:
        table: Any = tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return ()
    key: list[str] = []
    while isinstance(table, dict) and table:
        name, table = next(iter(cast("dict[str, Any]", table).items()))
        key.append(name)
    return tuple(key)
