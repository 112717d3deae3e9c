"""The events of a session as JSON Lines: what the log says, without what is torn or garbage in it."""

from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from typing import Any

from llmgine_cli.eventlog.reader import Record


def as_lines(records: Iterable[Record], safe: Callable[[str], str]) -> Iterator[str]:
    """Return the events, one line each.

    Args:
        records: The events of a log.
        safe: Escapes in JSON what could drive a terminal; it stays the same JSON.
    """
    import jsonlines
    import msgspec

    def encode(value: Any) -> str:
        return safe(msgspec.json.encode(value).decode())

    buffer = StringIO()
    with jsonlines.Writer(buffer, dumps=encode) as writer:  # pyright: ignore[reportCallIssue] -- a keyword that its types leave out
        for record in records:
            writer.write(record.data)
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
