"""What is published works elsewhere: the wheel is built, installed into a clean environment and used there."""

import ast
import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import llmgine_cli
from tests.support.program import Program

ROOT = Path(__file__).resolve().parents[1]
MINUTES = 60  # seconds


def project() -> dict[str, object]:
    """Return the [project] table."""
    table: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def build(source: Path, target: Path, kind: str) -> Path:
    """Build a wheel or an sdist of a source tree with the build backend of this environment; return the file."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5 * MINUTES, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = target.iterdir()
    return file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built from this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


# A fixture of the module is set up before those of its first test, so it may still reach the package index.
@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that has the wheel and what it declares, and nothing else."""
    folder = tmp_path_factory.mktemp("clean environment")
    venv.create(folder, with_pip=False)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    # This environment's pip fills the other one: that saves the time to install a second pip.
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(programs / "python")]
    done = subprocess.run(
        [*command, "install", "-qq", "--no-compile", str(wheel)],
        capture_output=True,
        text=True,
        timeout=10 * MINUTES,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return programs


@pytest.fixture
def installed(clean: Path) -> Program:
    """The program as a user has it who installed the wheel."""
    return Program((str(clean / "llmgine"),))


def members(wheel: Path) -> set[str]:
    """Return the names of all files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_one_top_level_package(wheel: Path) -> None:
    assert {name.split("/")[0] for name in members(wheel)} == {
        "llmgine_cli",
        f"llmgine_cli-{llmgine_cli.__version__}.dist-info",
    }


@pytest.mark.parametrize("kind", ["engines", "tools", "prompts"])
def test_the_wheel_has_every_engine_tool_and_prompt(wheel: Path, kind: str) -> None:
    ours = {f"llmgine_cli/_bundled/{kind}/{path.name}" for path in (ROOT / kind).iterdir() if path.is_file()}
    assert ours
    assert {name for name in members(wheel) if name.startswith(f"llmgine_cli/_bundled/{kind}/")} == ours


def test_the_wheel_is_marked_as_typed_and_carries_its_licence(wheel: Path) -> None:
    names = members(wheel)
    assert "llmgine_cli/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_metadata_says_what_the_project_says(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = f"llmgine_cli-{llmgine_cli.__version__}.dist-info/METADATA"
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Name"] == "llmgine-cli"
    assert metadata["Version"] == llmgine_cli.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == project()["requires-python"]
    assert "llmgine run" in str(metadata.get_payload())  # the README is its long description


def test_the_source_distribution_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build(source, tmp_path / "again", "wheel")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert {info.filename: info.CRC for info in first.infolist()} == {
            info.filename: info.CRC for info in second.infolist()
        }


def test_the_source_distribution_has_what_a_packager_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "tests/conftest.py"} <= names


def test_the_installed_program_lists_what_ships(installed: Program) -> None:
    shipped = {
        ("engines", "list"): {path.stem for path in (ROOT / "engines").glob("*.py")},
        ("prompt", "list"): {path.stem for path in (ROOT / "prompts").glob("*.md")},
        ("tools", "list"): {"calculate", "current_time", "get_weather", "list_directory", "read_file", "search_text"},
    }
    for command, names in shipped.items():
        done = installed(*command)
        assert (done.code, done.stderr) == (0, "")
        assert {name for name in names if name in done.stdout} == names


def test_the_installed_program_answers(installed: Program) -> None:
    done = installed("run", "-m", "echo:echo", "hello")
    assert done.code == 0, done.stderr
    assert "hello" in done.stdout


def test_the_installed_program_tells_its_version(installed: Program) -> None:
    assert installed("--version").stdout == f"llmgine {llmgine_cli.__version__}\n"


def test_the_clean_environment_has_no_package_called_tools_or_engines(clean: Path) -> None:
    code = "import importlib.util as i; print([n for n in ('tools', 'engines', 'prompts') if i.find_spec(n)])"
    done = subprocess.run([clean / "python", "-c", code], capture_output=True, text=True, check=True, timeout=MINUTES)
    assert done.stdout == "[]\n"


def test_every_library_that_is_imported_is_declared() -> None:
    requirements = project()["dependencies"]
    extras = project()["optional-dependencies"]
    assert isinstance(requirements, list)
    assert isinstance(extras, dict)
    declared = {canonical(requirement) for requirement in requirements}
    declared |= {
        canonical(requirement) for extra in ("bedrock", "local", "otel", "vertex") for requirement in extras[extra]
    }
    declared.add("pydantic-core")  # pydantic demands one exact version of it: they are one library in two parts
    declared.add("pytest")  # llmgine_cli.testing.fixtures alone may import it (tests/test_layers.py), and pytest does
    owners = packages_distributions()
    missing = {
        f"{name} in {path.relative_to(ROOT)}"
        for folder in ("llmgine_cli", "engines", "tools")
        for path in (ROOT / folder).rglob("*.py")
        for name in top_level_imports(path)
        if name not in sys.stdlib_module_names and name != "llmgine_cli"
        if not {canonical(owner) for owner in owners.get(name, ())} & declared
    }
    assert missing == set()


def top_level_imports(path: Path) -> set[str]:
    """Return the first word of every absolute import in a file, function bodies included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def canonical(requirement: str) -> str:
    """Return the name in a requirement, spelled as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;~! ]", requirement)[0]).lower()
