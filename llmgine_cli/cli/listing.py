"""Print rows: as a table on a terminal, one line each with tabs between in a pipe."""

import sys
from collections.abc import Sequence

from llmgine_cli.cli.common import Cli
from llmgine_cli.cli.sanitize import visible


def print_rows(cli: Cli, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows to stdout.

    Args:
        cli: Whose stdout.
        headings: Left out in a pipe, where `cut` and `awk` read.
        rows: Plain text, from wherever: it is made safe here.
    """
    # One row is one line: a name with a line break in it must not look like another row.
    flat = [[" ".join(cell.split()) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in flat:
            cli.print("\t".join(row))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    styles = ("cyan", *("" for _ in headings[1:]))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in flat:
        table.add_row(*(Text(visible(cell), style=style) for cell, style in zip(row, styles, strict=True)))
    cli.console().print(table)
