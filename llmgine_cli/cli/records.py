"""What the library and asyncio log for developers: kept from the terminal, or shown in one safe line."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmgine_cli.cli.sanitize import visible

if TYPE_CHECKING:
    from llmgine_cli.cli.common import Cli

NAMES = ("llmgine_cli", "asyncio", "opentelemetry")
FOR_USERS = "llmgine_cli.providers"  # says what of the user's wishes was left out of a request


class _Lines(logging.Handler):
    """Shows each record as one line without anything that drives a terminal: those for developers under `--verbose`."""

    def __init__(self, cli: "Cli") -> None:
        super().__init__(logging.WARNING)
        self._cli = cli

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)  # the arguments do not fit: logging must not fail for that
        error = record.exc_info[1] if record.exc_info else None
        cause = f": {type(error).__name__}: {error}" if error else ""
        line = " ".join(visible(text + cause).split())
        if record.name == FOR_USERS:
            self._cli.note(line)
        else:
            self._cli.detail(f"{record.name}: {line}")


@contextmanager
def shown(cli: "Cli") -> Generator[None]:
    """Have the records shown for a while; without this, Python prints them as they are."""
    handler = _Lines(cli)
    before: list[tuple[logging.Logger, bool]] = []
    for name in NAMES:
        logger = logging.getLogger(name)
        before.append((logger, logger.propagate))
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in before:
            logger.removeHandler(handler)
            logger.propagate = propagate
