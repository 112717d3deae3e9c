"""Gets a model file from an address, and goes on where an earlier try was cut off.

What has come is kept beside the models, under a name made of the address, with the server's word for which version of
the file it is: only of the same version is the rest asked for (RFC 9110, sections 13.1.5 and 14). The file becomes a
model when it is whole and its checksum is right.
"""

import contextlib
import hashlib
import json
import re
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from llmgine_cli.errors import (
    BadResponseError,
    ProviderError,
    TimedOutError,
    TruncatedError,
    UnreachableError,
    UsageError,
)
from llmgine_cli.providers.http import connecting, mapped
from llmgine_cli.providers.pulling import Progress, keep, room_for, written
from llmgine_cli.providers.transport import Endpoint, without_password
from llmgine_cli.providers.weights import Stored, folder

if TYPE_CHECKING:
    import httpx2

_BLOCK = 1 << 20  # bytes
_PART = ".part-"
_FORGOTTEN = 30 * 24 * 3600  # seconds after which nobody will go on with what has come
_TRIES = 3  # in a row that bring nothing
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[\w][\w.+-]*")


@dataclass(frozen=True)
class Source:
    """Where a model file is.

    Attributes:
        url: An http(s) address.
        name: What the model is called after `local:`.
        sha256: What the file must hash to, in hex; None: whatever the server says, if it says anything.
    """

    url: str
    name: str
    sha256: str | None = None


def source(url: str, *, name: str | None = None, sha256: str | None = None) -> Source:
    """Return where a model file is, and what it is to be called.

    Args:
        url: An https address, or an http one on this machine or with a checksum.
        name: Default: the last part of the address, without `.gguf`.
        sha256: Of the file, in hex.

    Raises:
        UsageError: One of them will not do.
    """
    endpoint = _endpoint(url)
    if not endpoint.is_sound:
        raise UsageError(
            f"{endpoint.shown_url!r} is no address that can be used", hint="as in https://example.org/model.gguf"
        )
    if sha256 is not None and not _SHA256.fullmatch(sha256.lower()):
        raise UsageError("a SHA-256 has 64 hexadecimal digits", hint="sha256sum FILE prints it")
    _check_way(url, sha256)
    called = name or unquote(urlsplit(url).path).rpartition("/")[2].removesuffix(".gguf")
    if not _NAME.fullmatch(called):
        raise UsageError(f"{called!r} cannot be a model's name", hint="give it one with --name")
    return Source(url, called, sha256.lower() if sha256 else None)


def fetch(wanted: Source, progress: Progress) -> Stored:
    """Get a model file; a connection that breaks is taken up again.

    Args:
        wanted: Where it is.
        progress: Told how far it is.

    Raises:
        UnreachableError: The server cannot be reached, or broke off; what has come is kept.
        ProviderError: It refused.
        BadResponseError: What came is no model, or has another checksum.
        StorageError: It cannot be written.
        UsageError: Another program is getting the same file, or a redirect leads to where it can be changed.
        SettingsError: The proxies or certificates of the environment are none.
    """
    with written(folder()):
        folder().mkdir(parents=True, exist_ok=True)
        _forget_old()
    part = _Part(wanted)
    with part.locked() as file, _client(wanted) as client:
        vain = 0
        while vain < _TRIES:
            before = file.seek(0, 2)
            try:
                with mapped(_endpoint(wanted.url)):
                    _fetch_rest(client, wanted, part, file, progress)
                break
            except (TruncatedError, UnreachableError, TimedOutError) as error:
                vain = 0 if file.seek(0, 2) > before else vain + 1
                if vain == _TRIES:
                    raise _broken(wanted, file.tell(), error) from error
        _check(wanted, part, file)
        with written(part.file):
            return keep(part.take(), wanted.name)


def _fetch_rest(client: "httpx2.Client", wanted: Source, part: "_Part", file: IO[bytes], progress: Progress) -> None:
    have = file.seek(0, 2)
    with client.stream("GET", wanted.url, headers=part.conditions(have)) as response:
        if response.status_code == 416 and have and have == _total(response):
            return  # all of it had come
        if response.status_code == 206 and not _begins_at(response, have):
            raise BadResponseError(
                f"{_host(wanted.url)} sent another part of the file than was asked for", provider=_host(wanted.url)
            )
        if response.status_code not in (200, 206):
            part.forget(file)
            raise _refused(wanted, response)
        if response.status_code == 200:
            have = 0
            part.forget(file)
        part.remember(response)
        size = have + int(response.headers.get("content-length") or 0)
        room_for(size - have)
        for block in response.iter_raw():
            with written(part.file):
                file.write(block)
            have += len(block)
            progress("fetch", have, max(size, have))
        if have < size:
            raise TruncatedError(f"the connection broke after {have} of {size} bytes")


class _Part:
    """What has come of a file, and which version of it that is."""

    def __init__(self, wanted: Source) -> None:
        stem = hashlib.sha256(wanted.url.encode()).hexdigest()[:24]
        self.file = folder() / f"{_PART}{stem}"
        self._about = folder() / f"{_PART}{stem}.json"
        self._pinned = wanted.sha256 is not None
        self.sha256: str | None = self._known().get("sha256")

    @contextlib.contextmanager
    def locked(self) -> Generator[IO[bytes]]:
        """Open it, for this process alone; it stays when the block is left."""
        with written(self.file):
            file = self.file.open("a+b")
        with file:
            if sys.platform != "win32":  # there a second writer cannot rename it, which tells as well
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    raise UsageError("another llmgine is fetching this file", hint="wait for it") from error
            yield file

    def conditions(self, have: int) -> dict[str, str]:
        """The headers that ask for the rest, if it is still the same file; for all of it otherwise."""
        plain = {"Accept-Encoding": "identity"}
        version = self._known().get("version")
        if not have or not (version or self._pinned):
            return plain
        return {**plain, "Range": f"bytes={have}-", **({"If-Range": version} if version else {})}

    def remember(self, response: "httpx2.Response") -> None:
        """Keep which version of the file this is, and what the server says of its checksum."""
        tag = response.headers.get("etag", "")
        version = tag if tag.startswith('"') else response.headers.get("last-modified")  # a weak tag proves nothing
        for each in (*response.history, response):  # the hub of most models names the SHA-256 where it redirects
            linked = each.headers.get("x-linked-etag", "").strip('"')
            if _SHA256.fullmatch(linked):
                self.sha256 = linked
        with written(self._about):
            self._about.write_text(json.dumps({"version": version, "sha256": self.sha256}))

    def forget(self, file: IO[bytes]) -> None:
        """Begin anew."""
        with written(self.file):
            file.truncate(0)
        self._about.unlink(missing_ok=True)
        self.sha256 = None

    def take(self) -> Path:
        """Return the file, to be moved away; nothing else is left of it."""
        self._about.unlink(missing_ok=True)
        return self.file

    def _known(self) -> dict[str, str | None]:
        try:
            known: Any = json.loads(self._about.read_bytes())
        except (OSError, ValueError):
            return {}
        return cast("dict[str, str | None]", known) if isinstance(known, dict) else {}


def _check(wanted: Source, part: _Part, file: IO[bytes]) -> None:
    file.flush()
    file.seek(0)
    digest = hashlib.sha256()
    magic = b""
    for block in _blocks(file):
        magic = magic or block[:4]
        digest.update(block)
    expected = wanted.sha256 or part.sha256
    what = f"what came from {without_password(wanted.url)}"
    if expected is not None and digest.hexdigest() != expected:
        part.forget(file)
        raise BadResponseError(
            f"{what} is not the file it should be (its SHA-256 is {digest.hexdigest()})",
            provider=_host(wanted.url),
            hint="it was damaged on the way, or it is another file; try again, or look at the checksum once more",
        )
    if magic != b"GGUF":
        part.forget(file)
        raise BadResponseError(
            f"{what} is no GGUF file",
            provider=_host(wanted.url),
            hint="is it the address of a page about the file rather than of the file?",
        )


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _client(wanted: Source) -> "httpx2.Client":
    import httpx2

    def look(request: httpx2.Request) -> None:
        _check_way(str(request.url), wanted.sha256)  # also where a redirect leads

    with connecting():
        return httpx2.Client(
            follow_redirects=True,
            timeout=httpx2.Timeout(60.0, connect=10.0),
            trust_env=not _endpoint(wanted.url).is_loopback,  # what is on this machine needs no proxy
            event_hooks={"request": [look]},
        )


def _check_way(url: str, sha256: str | None) -> None:
    """Raise a `UsageError` if what comes from an address may be changed on the way without anybody noticing."""
    if not url.startswith("https:") and sha256 is None and not _endpoint(url).is_loopback:
        raise UsageError(
            f"what comes over http, as from {_host(url)}, can be changed on the way",
            hint="use https, or say what it must be with --sha256",
        )


def _endpoint(url: str) -> Endpoint:
    return Endpoint(provider=_host(url), base_url=url)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def _total(response: "httpx2.Response") -> int | None:
    """The size of the whole file, from `Content-Range: bytes */1234`."""
    total = response.headers.get("content-range", "").rpartition("/")[2]
    return int(total) if total.isdecimal() else None


def _begins_at(response: "httpx2.Response", have: int) -> bool:
    return response.headers.get("content-range", "").startswith(f"bytes {have}-")


def _refused(wanted: Source, response: "httpx2.Response") -> ProviderError:
    status = response.status_code
    hints = {
        401: "it wants you to sign in: fetch it with a browser, and run: llmgine models pull PATH",
        403: "it wants you to sign in: fetch it with a browser, and run: llmgine models pull PATH",
        404: "is the address right?",
    }
    host = _host(wanted.url)
    return ProviderError(
        f"{host} does not give the file (HTTP status {status})",
        provider=host,
        status=status,
        hint=hints.get(status, "try again later"),
    )


def _broken(wanted: Source, have: int, error: ProviderError) -> ProviderError:
    host = _host(wanted.url)
    if not have:
        return error
    return UnreachableError(
        f"the connection to {host} breaks again and again; {have / 1e6:.1f} MB have come",
        provider=host,
        retryable=True,
        hint="the same command goes on from there",
    )


def _forget_old() -> None:
    for left in folder().glob(f"{_PART}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _FORGOTTEN:
                left.unlink(missing_ok=True)
