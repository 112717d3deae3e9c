"""What Tab offers in a chat: commands, and behind them models, tools and files."""

from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from llmgine_cli.cli.complete import Offer, complete_model, complete_tool
from llmgine_cli.cli.talk.commands import COMMANDS


class CommandCompleter(Completer):
    """Completes a line that begins with a command; in a message Tab offers nothing."""

    def __init__(self) -> None:
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Offer what may stand before the cursor."""
        text = document.text_before_cursor
        command, blank, rest = text.partition(" ")
        if not text.startswith("/") or "\n" in text:
            return
        if not blank:
            known = [(f"/{name}", command.summary) for name, command in COMMANDS.items()]
            yield from _of((offer for offer in known if offer[0].startswith(text)), text)
        elif command == "/model":
            yield from _of(complete_model(rest), rest)
        elif command == "/tools":
            last = rest.rpartition(" ")[2]
            yield from _of(complete_tool(last), last)
        elif command in {"/attach", "/save", "/save!"}:
            yield from self._paths.get_completions(Document(rest), complete_event)


def _of(offers: Iterable[Offer], typed: str) -> Iterator[Completion]:
    for value, about in offers:
        yield Completion(value, start_position=-len(typed), display_meta=about)
