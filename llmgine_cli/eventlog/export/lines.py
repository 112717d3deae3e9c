"""The events of a session as JSON Lines: as they stand in the log, without what is torn or garbage."""

from collections.abc import Callable, Iterable, Iterator
from io import StringIO

from llmgine_cli.eventlog.reader import Record


def as_lines(records: Iterable[Record], safe: Callable[[str], str]) -> Iterator[str]:
    """Return the events, one line each.

    Args:
        records: The events of a log.
        safe: Escapes in JSON what could drive a terminal; it stays the same JSON.
    """
    import jsonlines

    def as_it_stands(record: Record) -> str:
        return safe(record.line.decode())

    buffer = StringIO()
    with jsonlines.Writer(buffer, dumps=as_it_stands) as writer:
        for record in records:
            writer.write(record)
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
