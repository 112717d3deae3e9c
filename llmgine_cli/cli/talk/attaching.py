"""What is attached to a prompt on the command line, and where its bytes come from."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Application
    from llmgine_cli.llm.messages import Part
    from llmgine_cli.llm.provider import Model
    from llmgine_cli.providers.fetching import Fetched
    from llmgine_cli.settings import Settings

STDIN = "-"
ADDRESSES = ("http://", "https://")
SEPARATOR = "\0"  # between the two words of --attachment-type; no argument of a program can have it

Fragments = Annotated[
    list[str] | None,
    typer.Option("-f", "--fragment", metavar="PATH|URL", help="Put the text of a file before the prompt."),
]


@dataclass(frozen=True)
class Source:
    """Where an attachment comes from.

    Attributes:
        place: A path, an address, or `-` for what is piped in.
        media_type: What the user says it is; None: its content tells.
    """

    place: str
    media_type: str | None = None

    @property
    def is_address(self) -> bool:
        """Whether it is somewhere on the web."""
        return self.place.lower().startswith(ADDRESSES)


@dataclass(frozen=True, kw_only=True)
class Attached:
    """The options that attach files, as they were typed."""

    attachment: Annotated[
        list[str] | None,
        typer.Option(
            "-a", "--attachment", metavar="PATH|URL|-", help="Attach a picture, PDF or text file; - is stdin."
        ),
    ] = None
    attachment_type: Annotated[
        list[str] | None,
        typer.Option("--attachment-type", metavar="PATH MIMETYPE", help="Attach a file, and say of which type it is."),
    ] = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is attached, in order; those with a type last.

        Raises:
            UsageError: stdin is named twice.
        """
        typed = (word.partition(SEPARATOR) for word in self.attachment_type or ())
        found = (*map(Source, self.attachment or ()), *(Source(place, kind) for place, _, kind in typed))
        if sum(source.place == STDIN for source in found) > 1:
            raise UsageError("stdin can be attached once", hint="leave out one of the -a -")
        return found

    @property
    def takes_stdin(self) -> bool:
        """Whether what is piped in is an attachment, and no text of the prompt."""
        return any(source.place == STDIN for source in self.sources)


def read_local(sources: "Sequence[Source]", limit: int) -> "tuple[Part | Source, ...]":
    """Read what is on this machine; addresses stay as they are.

    Args:
        sources: What is attached.
        limit: The most bytes of each.

    Raises:
        UsageError: One cannot be read, is too large, or nobody can tell what it is.
    """
    from llmgine_cli.llm.attachments import read_file

    return tuple(
        source
        if source.is_address
        else _stdin(source, limit)
        if source.place == STDIN
        else read_file(Path(source.place).expanduser(), limit=limit, media_type=source.media_type)
        for source in sources
    )


async def fetch_rest(app: "Application", model: "Model", attached: "Sequence[Part | Source]") -> "tuple[Part, ...]":
    """Fetch what is elsewhere, but for pictures that the model's vendor fetches itself.

    Args:
        app: Knows vendors and limits.
        model: Who will read them.
        attached: As `read_local` gave them.

    Raises:
        UsageError: One is not there, is too large, or nobody can tell what it is.
        ProviderError: Its server cannot be reached.
    """
    return tuple([await _elsewhere(app, model, one) if isinstance(one, Source) else one for one in attached])


def limit_of(settings: "Settings") -> int:
    """Return the most bytes that an attachment may have."""
    from llmgine_cli.llm.attachments import MEGABYTE

    return round(settings.limits.attachment_mb * MEGABYTE)


async def fragment_texts(settings: "Settings", places: Sequence[str]) -> tuple[str, ...]:
    """Read texts that come before a prompt: files, or what is at an address.

    Raises:
        UsageError: One cannot be read, is too large, or is no text.
        ProviderError: A server cannot be reached.
    """
    sources = [Source(place) for place in places]
    return tuple(
        [
            _text(
                source.place,
                (await _at_address(settings, source)).data
                if source.is_address
                else _content(source.place, limit_of(settings)),
            )
            for source in sources
        ]
    )


def _content(place: str, limit: int) -> bytes:
    from llmgine_cli.llm.attachments import too_large

    try:
        with Path(place).expanduser().open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the fragment {place}: {reason}") from error
    if len(data) > limit:
        raise too_large(place, limit)
    return data


def _text(place: str, data: bytes) -> str:
    from llmgine_cli.llm.attachments import sniff

    if data and sniff(data) != "text/plain":
        raise UsageError(f"the fragment {place} is no UTF-8 text", hint="pictures and PDFs are attached with -a")
    return data.decode("utf-8-sig").strip("\n")


def _picture(source: Source) -> str | None:
    """The type of a picture, as its address or the user says; None where it is no picture, or nobody says."""
    from mimetypes import guess_type
    from urllib.parse import urlsplit

    kind = source.media_type or guess_type(urlsplit(source.place).path)[0]
    return kind if kind in ("image/png", "image/jpeg", "image/gif", "image/webp") else None


async def _elsewhere(app: "Application", model: "Model", source: Source) -> "Part":
    """What is at an address: a picture stays there, if the model's vendor fetches it itself."""
    from llmgine_cli.llm.messages import Image
    from llmgine_cli.providers.fetching import check_address

    check_address(source.place)
    if (kind := _picture(source)) and app.catalog.fetches_images(model):
        return Image(media_type=kind, url=source.place)
    return await _fetched(app.settings, source)


async def _fetched(settings: "Settings", source: Source) -> "Part":
    from llmgine_cli.llm.attachments import part_of

    found = await _at_address(settings, source)
    return part_of(found.data, name=found.name, media_type=source.media_type)


async def _at_address(settings: "Settings", source: Source) -> "Fetched":
    from llmgine_cli.providers.fetching import fetch

    limits = settings.limits
    return await fetch(
        source.place,
        limit=limit_of(settings),
        connect_timeout=limits.connect_timeout,
        idle_timeout=limits.idle_timeout,
    )


def _stdin(source: Source, limit: int) -> "Part":
    from llmgine_cli.llm.attachments import part_of, too_large

    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise UsageError(
            "-a - attaches what is piped in, and nothing is", hint="as in: cat photo.png | llmgine run -a -"
        )
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise too_large("from stdin", limit)
    return part_of(data, name="stdin", media_type=source.media_type)
