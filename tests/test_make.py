"""The Makefile: a Python that is too old is told so, and what is installed is not installed again."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON = """\
#!/bin/sh
# Stands for a Python: writes down how it is called, and makes an environment by copying itself.
case "$*" in
  --version) echo "Python {version}" ;;
  -c*) exit {code} ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *) echo "$*" >> calls{end} ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a space in its name, a Makefile and a pyproject.toml."""
    folder = tmp_path / "a check out"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def stub(folder: Path, *, version: str = "3.12.1", works: bool = True, installs: bool = True) -> Path:
    """Put a stand-in for Python beside the folder."""
    path = folder.with_name("python of this machine")
    end = "" if installs else "; exit 1"
    path.write_text(PYTHON.format(version=version, code=0 if works else 1, end=end), encoding="utf-8")
    path.chmod(0o755)
    return path


def make(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run make there, without what an outer make has set."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *map(str, words)],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_make_alone_lists_every_target(checkout: Path) -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared
    done = make(checkout)
    assert done.returncode == 0
    assert re.findall(r"^  ([a-z]+) +\S", done.stdout, re.MULTILINE) == declared[1].split()


def test_a_python_that_is_too_old_is_told_so_and_nothing_is_made(checkout: Path) -> None:
    done = make(checkout, "install", f"PYTHON={stub(checkout, version='3.8.1', works=False)}")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (checkout / ".venv").exists()


def test_the_second_call_installs_nothing_and_a_changed_project_installs_again(checkout: Path) -> None:
    python = stub(checkout)
    for _ in range(2):
        assert make(checkout, "install", f"PYTHON={python}").returncode == 0
    calls = (checkout / "calls").read_text(encoding="utf-8").splitlines()
    assert len(calls) == 1
    assert calls[0].endswith("install -qq --editable .[local,otel,bedrock,vertex,dev]")
    for stamp in (checkout / ".venv").glob(".installed*"):
        os.utime(stamp, (0, 0))  # as if pyproject.toml had changed since
    assert make(checkout, "install").returncode == 0
    assert len((checkout / "calls").read_text(encoding="utf-8").splitlines()) == 2


def test_a_failed_installation_is_tried_again(checkout: Path) -> None:
    python = stub(checkout, installs=False)
    for _ in range(2):
        assert make(checkout, "install", f"PYTHON={python}").returncode != 0
    assert len((checkout / "calls").read_text(encoding="utf-8").splitlines()) == 2
