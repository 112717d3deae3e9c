import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import llmgine_cli
from llmgine_cli.errors import BadResponseError, LlmgineError, UnreachableError
from llmgine_cli.providers.packages import download, pip_command
from llmgine_cli.providers.weights import Wheel
from tests.support.index import FAKE, FAKE_NAME, FAKE_WHEEL, PackageIndex, pip_environment
from tests.support.server import dead_url

Use = Callable[[str], None]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Make pip use an index."""

    def use(url: str) -> None:
        for name, value in pip_environment(url, tmp_path / "pip-cache").items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "download"
    made.mkdir()
    return made


def fail(folder: Path, wanted: Wheel = FAKE.wheel) -> LlmgineError:
    with pytest.raises(LlmgineError) as caught:
        download(wanted, folder, lambda _: None)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_the_wheel_comes_alone_and_whole(use: Use, folder: Path) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        wheel = download(FAKE.wheel, folder, lambda _: None)
    assert wheel.read_bytes() == FAKE_WHEEL
    assert index.served == ["/simple/llm-fake/", f"/files/{FAKE_NAME}"]


def test_it_is_told_how_much_has_come(use: Use, folder: Path) -> None:
    came: list[int] = []

    class EnoughError(Exception):
        pass

    def on_bytes(done: int) -> None:
        came.append(done)
        if done >= 100_000:
            raise EnoughError

    with PackageIndex({FAKE_NAME: os.urandom(200_000)}, stall_after=150_000) as index:
        use(index.url)
        with pytest.raises(EnoughError):
            download(FAKE.wheel, folder, on_bytes)
    assert came == sorted(came)


def test_a_wheel_with_another_hash_is_refused(use: Use, folder: Path) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL + b"x"}) as index:
        use(index.url)
        error = fail(folder)
    assert isinstance(error, BadResponseError)
    assert error.message == "llm-fake==1.0 from the package index is not the file it should be (its SHA-256 differs)"


def test_an_index_that_is_not_there_is_told(use: Use, folder: Path) -> None:
    use(dead_url() + "/simple")
    error = fail(folder)
    assert isinstance(error, UnreachableError)
    assert error.message.startswith("the package index cannot be reached: 127.0.0.1:")
    assert error.message.endswith("Connection refused")
    assert "llmgine models pull PATH" in str(error.hint)


def test_an_index_without_the_wheel_is_told(use: Use, folder: Path) -> None:
    with PackageIndex({}) as index:
        use(index.url)
        error = fail(folder)
    assert isinstance(error, UnreachableError)
    assert error.message == "the package index has no llm-fake==1.0"


def test_an_index_with_another_version_is_told(use: Use, folder: Path) -> None:
    with PackageIndex({"llm_fake-2.0-py3-none-any.whl": FAKE_WHEEL}) as index:
        use(index.url)
        assert fail(folder).message == "the package index has no llm-fake==1.0"


def test_an_index_that_wants_a_password_is_told(use: Use, folder: Path) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}, status=401) as index:
        use(index.url)
        assert fail(folder).message == "the package index asks for a user name and a password"


def test_an_index_that_fails_is_told_without_the_password_in_its_address(use: Use, folder: Path) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}, status=403) as index:
        use(index.url.replace("//", "//me:secret@"))
        error = fail(folder)
    assert isinstance(error, UnreachableError)
    assert error.message.startswith("the package index cannot be reached: 127.0.0.1:")
    assert "403 Client Error" in error.message
    assert "secret" not in error.message


def test_a_wheel_that_stops_coming_is_told(use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "1")
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}, stall_after=100) as index:
        use(index.url)
        error = fail(folder)
    assert isinstance(error, UnreachableError)
    assert error.message.endswith("Read timed out.")


def test_code_in_the_working_folder_is_not_run(use: Use, folder: Path) -> None:
    for module in ("pip", "zipfile", "sitecustomize"):
        (Path.cwd() / f"{module}.py").write_text("open('was-run', 'w')")
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        download(FAKE.wheel, folder, lambda _: None)
    assert not (Path.cwd() / "was-run").exists()


def python_without_pip(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with our package and no pip to import."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True, timeout=120)
    guard = os.environ["PYTHONPATH"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([guard, str(Path(llmgine_cli.__file__).parents[1])])}
    python = tmp_path / "bare" / "bin" / "python"
    return subprocess.run([python, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False)


def test_without_pip_the_one_that_python_carries_is_used(use: Use, folder: Path, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from llmgine_cli.providers.packages import download, pip_command
from tests.support.index import FAKE
print(pip_command()[-1])
print(download(FAKE.wheel, Path({str(folder)!r}), lambda _: None).name)
"""
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        done = python_without_pip(tmp_path, code)
    pip, came = done.stdout.splitlines() or [done.stderr, ""]
    assert pip.endswith(".whl/pip")
    assert came == FAKE_NAME


def test_without_any_pip_the_way_out_is_told(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["ensurepip"] = None
from llmgine_cli.errors import SettingsError
from llmgine_cli.providers.packages import pip_command
try:
    print(pip_command())
except SettingsError as error:
    print(error, "|", error.hint)
"""
    assert python_without_pip(tmp_path, code).stdout == (
        "this Python has no pip to fetch the model with | "
        "install pip, or fetch the wheel by other means and run: llmgine models pull PATH\n"
    )


def test_the_installed_pip_goes_first() -> None:
    assert pip_command() == [sys.executable, "-P", "-m", "pip"]
