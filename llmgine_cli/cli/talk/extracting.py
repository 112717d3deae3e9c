"""The block of code that is taken out of an answer."""

from dataclasses import dataclass
from typing import Annotated

import typer

from llmgine_cli.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """The options that say which block of code is printed, as they were typed."""

    extract: Annotated[
        bool, typer.Option("-x", "--extract", help="Print only the first block of code; without one, all.")
    ] = False
    extract_last: Annotated[
        bool, typer.Option("--xl", "--extract-last", help="Print only the last block of code; without one, all.")
    ] = False

    def __bool__(self) -> bool:
        """Whether a block is asked for."""
        return self.extract or self.extract_last

    def check(self) -> None:
        """See that they go together.

        Raises:
            UsageError: Both are given.
        """
        if self.extract and self.extract_last:
            raise UsageError("-x takes the first block of code, and --xl the last", hint="leave one out")

    def block(self, text: str) -> str | None:
        """Return the block that is asked for; None if the text has none with anything in it.

        Args:
            text: Markdown. A block whose end is missing goes to the end of the text.
        """
        from markdown_it import MarkdownIt

        blocks = [token.content for token in MarkdownIt().parse(text) if token.type == "fence"]
        found = [block for block in blocks if block.strip()]
        return found[-1 if self.extract_last else 0] if found else None
