"""Lines that fit the terminal: broken between words, where the terminal would break within them."""

import sys


def fitted(line: str) -> str:
    """Return a line for stderr: on a terminal broken between words, elsewhere as it is, for those who read by line.

    Args:
        line: One line without escape sequences and without its end.
    """
    if not sys.stderr.isatty():
        return line
    from shutil import get_terminal_size

    return "\n".join(wrap(line, get_terminal_size().columns))


def beside(label: str, text: str, width: int, columns: int | None) -> list[str]:
    """Return a text with a label to its left, and below nothing but the text.

    Args:
        label: Without escape sequences, as the text.
        text: What is broken between words.
        width: Columns of the label.
        columns: Those of the terminal; None: one line, however long, for those who read by line.
    """
    first, *rest = wrap(text, columns - width) if columns else [text]
    return [f"{label:<{width}}{first}", *(" " * width + line for line in rest)]


def wrap(line: str, width: int) -> list[str]:
    """Break a line between words; options such as `--no-log` and names stay whole, unless nothing else is possible.

    Args:
        line: Without escape sequences.
        width: Columns.
    """
    if len(line) <= width:
        return [line]
    from textwrap import wrap

    # A terminal may move the cursor to a line of its own for the very last column.
    return wrap(line, max(20, width - 1), break_on_hyphens=False, expand_tabs=False, replace_whitespace=False) or [line]
