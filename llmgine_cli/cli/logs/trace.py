"""`llmgine logs trace`."""

import sys
from typing import TYPE_CHECKING, Any

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.logs.chosen import Session, chosen, events
from llmgine_cli.cli.logs.group import Folder, SessionName, app

if TYPE_CHECKING:
    from llmgine_cli.eventlog.reader import Record
    from llmgine_cli.eventlog.views.trace import Span


@command(app)
def trace(
    cli: Cli, session: Session = None, *, named: SessionName = None, folder: Folder = None, as_json: JsonFlag = False
) -> None:
    """Show where the time of a session went: models, tools, approvals."""
    from itertools import chain

    from llmgine_cli.eventlog.views.trace import spans

    records = events(cli, chosen(cli, session, named, folder))
    first = next(records)  # there is one: no events at all is an error
    roots = spans(chain([first], records))
    if as_json:
        cli.json(_document(first, roots))
        return
    if not roots:
        cli.note("nothing that takes time happened in this session")
        return
    from llmgine_cli.cli.logs.waterfall import Waterfall

    picture = Waterfall(roots)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a prompt may have more than ASCII
    if not sys.stdout.isatty():
        for row in picture.rows():
            cli.print(row)
        return
    cli.note(f"session {first.session_id or 'outside any'} · {picture.summary()}")
    sys.stdout.flush()
    encoding = (sys.stdout.encoding or "ascii").lower()
    picture.draw(cli.console(), blocks=encoding.startswith("utf"))


def _document(first: "Record", roots: "list[Span]") -> dict[str, Any]:
    from llmgine_cli.eventlog.times import to_text
    from llmgine_cli.eventlog.views.trace import busy, flat

    begin = first.time_ns
    return {
        "session_id": first.session_id,
        "busy_ms": round(sum(end - start for start, end in busy(roots)), 3),
        "spans": [
            {
                "id": span.id,
                "parent": span.parent,
                "name": span.name,
                "kind": span.kind,
                "start": to_text(begin + round(span.start_ms * 1_000_000)),
                "start_ms": round(span.start_ms, 3),
                "duration_ms": round(span.duration_ms, 3),
                "self_ms": round(span.self_ms, 3),
                "first_token_ms": span.first_token_ms,
                "ended": span.ended,
                "error": span.error,
                "attributes": span.attributes,
            }
            for _, span in flat(roots)
        ],
    }
