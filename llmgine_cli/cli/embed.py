"""`llmgine embed`: texts as vectors, one JSON line each."""

import sys
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from llmgine_cli.cli.common import Cli, command
from llmgine_cli.cli.complete import complete_embedding_model
from llmgine_cli.cli.talk.options import MaxCost, Retries, Timeout, check_cost, check_timeout
from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Application
    from llmgine_cli.llm.embeddings import Embeddings
    from llmgine_cli.llm.provider import Model
    from llmgine_cli.settings import Settings

AT_ONCE = 4  # requests under way


class _Text(NamedTuple):
    """A text to embed, and what its line is told apart by."""

    id: str
    text: str


def add_to(app: typer.Typer) -> None:
    """Add `llmgine embed` to the program."""
    command(app, "embed")(_embed)


def _embed(
    cli: Cli,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Each is a text of its own; stdin is one, too.")
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            "-m", "--model", help="Model: provider:name, or an alias.", autocompletion=complete_embedding_model
        ),
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("-f", "--file", help="A file whose text is to be embedded. Repeatable.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of stdin is a text of its own.")] = False,
    dimensions: Annotated[
        int | None, typer.Option("--dimensions", metavar="N", min=1, help="Numbers in a vector, where one may choose.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Texts in one request.")] = 64,
    with_text: Annotated[bool, typer.Option("--text", help="Put each text beside its vector.")] = False,
    retries: Retries = None,
    timeout: Timeout = None,
    max_cost: MaxCost = None,
    no_log: Annotated[bool, typer.Option("-n", "--no-log", help="Leave no trace in the event log.")] = False,
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Say on stderr what it took: tokens, price.")] = False,
) -> None:
    """Turn texts into vectors, one line of JSON for each.

    A line has the vector and an id: the number of the text, from 1, or the name of the file. Lines come in the order of
    the texts.

    To search, compare vectors by their dot product: the larger it is, the nearer are the meanings.
    """
    wanted = _given(texts or (), file or (), lines=lines)
    check_cost(max_cost)
    check_timeout(timeout)
    limits = {"limits.max_cost": max_cost, "limits.retries": retries, "limits.idle_timeout": timeout}
    settings = cli.settings(limits | ({"log.enabled": False} if no_log else {}))
    cli.run(_run(cli, settings, wanted, model, dimensions, batch=batch, with_text=with_text, usage=usage))


async def _run(
    cli: Cli,
    settings: "Settings",
    wanted: Iterator[_Text],
    name: str | None,
    dimensions: int | None,
    *,
    batch: int,
    with_text: bool,
    usage: bool,
) -> None:
    from llmgine_cli.bootstrap import build
    from llmgine_cli.cli.screen.spinner import Spinner
    from llmgine_cli.cli.talk.account import price_of
    from llmgine_cli.llm.stream import Usage

    spinner = Spinner(enabled=sys.stderr.isatty() and not cli.quiet, styled=cli.styled(stderr=True))
    total, done = Usage(), 0
    async with build(
        settings, on_log_failure=lambda error: cli.warn(str(error)), on_sink_failure=cli.warn, tell=cli.warn
    ) as app:
        model = app.embedding_model(name)
        if not model.explicit:
            cli.note(f"model: {model} ({model.reason})")
        spinner.show("embedding")
        try:
            async for texts, answer in _embedded(app, model, wanted, dimensions, batch):
                spinner.hide()
                _print(texts, answer, with_text=with_text)
                total, done = total + answer.usage, done + len(texts)
                spinner.show(f"embedding: {done} done")
        finally:
            spinner.hide()
    if usage:
        from llmgine_cli.cli.logs.figures import plural

        tokens = "an unknown number of tokens" if total.input_tokens is None else plural(total.input_tokens, "token")
        cli.note(f"{plural(done, 'text')}, {tokens}; {price_of(str(model), total)}")


async def _embedded(
    app: "Application", model: "Model", wanted: Iterator[_Text], dimensions: int | None, batch: int
) -> "AsyncGenerator[tuple[list[_Text], Embeddings]]":
    """Ask for several batches at the same time, and give the answers in the order of the texts."""
    import asyncio
    from collections import deque

    under_way: deque[tuple[list[_Text], asyncio.Task[Embeddings]]] = deque()
    try:
        while True:
            while len(under_way) < AT_ONCE and (texts := list(islice(wanted, batch))):
                asking = app.embed([each.text for each in texts], model=model, dimensions=dimensions)
                under_way.append((texts, asyncio.create_task(asking)))
            if not under_way:
                return
            texts, task = under_way[0]
            answer = await task
            under_way.popleft()
            yield texts, answer
    finally:
        for _, task in under_way:
            task.cancel()
        await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)


def _print(texts: Sequence[_Text], answer: "Embeddings", *, with_text: bool) -> None:
    import msgspec

    encoder = msgspec.json.Encoder()
    for text, vector in zip(texts, answer.vectors, strict=True):
        line: dict[str, Any] = {"id": text.id, **({"text": text.text} if with_text else {}), "embedding": vector}
        sys.stdout.buffer.write(encoder.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def _given(words: Sequence[str], files: Sequence[Path], *, lines: bool) -> Iterator[_Text]:
    """Return what is to be embedded: the arguments, the files, then stdin.

    Raises:
        UsageError: There is nothing, or it is no text.
    """
    from llmgine_cli.cli.talk.input import prompt_text

    given = [("", word) for word in words] + [(str(file), _read(file)) for file in files]
    piped: Iterable[str] = ()
    if lines:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("--lines reads stdin, and nothing is piped in", hint="as in: llmgine embed --lines <FILE")
        piped = _lines()
    elif text := prompt_text(()):
        given.append(("", text))
    empty = next((name or "a text" for name, text in given if not text.strip()), None)
    if empty is not None:
        raise UsageError(f"{empty} is empty: there is nothing to embed in it", hint="leave it out")
    if not given and not lines:
        raise UsageError("there is nothing to embed", hint='give a text, as in: llmgine embed "…", or pipe one in')
    return _numbered(given, piped)


def _numbered(given: Iterable[tuple[str, str]], piped: Iterable[str]) -> Iterator[_Text]:
    lines = (("", line) for line in piped)
    for number, (name, text) in enumerate(chain(given, lines), start=1):
        if text:  # an empty line has a number, so that ids are numbers of lines, and no vector
            yield _Text(name or str(number), text)


def _lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise UsageError(f"line {number} of stdin is not UTF-8", hint="convert it first, as with iconv") from error


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not text", hint="only text can be embedded") from error
