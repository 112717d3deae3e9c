"""Everything that can go wrong, as a tree.

::

    LlmgineError                      exit code
    ├── UsageError                    2   the request itself is wrong
    │   ├── NotFoundError             2   no engine, tool, prompt, provider … of that name
    │   └── PromptError               2   a template that cannot be read, parsed or filled in
    ├── SettingsError                 3   a settings file or variable is wrong
    │   ├── CredentialsError          3   a key is missing or was refused
    │   ├── NoModelError              3   nothing to talk to is configured
    │   └── UntrustedError            3   a folder's code or settings were not trusted
    ├── BusError                      1
    │   ├── NoHandlerError            1   a command nobody handles
    │   ├── DuplicateHandlerError     1   a second handler for the same command and session
    │   ├── BusClosedError            1   used after `aclose`
    │   ├── TooDeepError              1   a handler that calls itself through the bus, without end
    │   └── MailboxFullError          1   a mailbox whose own handler fills it faster than it empties it
    ├── ProviderError                 1   the model or its vendor failed
    │   ├── UnreachableError          1   no connection, or it broke
    │   ├── TimedOutError             1   connected, but silent for too long
    │   ├── RateLimitedError          1   429
    │   ├── NoCreditError             1   the account at the vendor is empty
    │   ├── ModelNotFoundError        1   the vendor has no such model
    │   ├── ContextWindowError        1   the conversation is longer than the model takes
    │   ├── BadResponseError          1   the answer is not what the protocol says
    │   └── TruncatedError            1   the stream ended before its finish marker
    ├── InvalidAnswerError            1   the answer has not the form that was asked for
    ├── EngineError                   1   an engine raised something of its own
    ├── ToolError                     4   a tool cannot be used as asked
    │   └── DeniedError               4   the approval said no
    │       └── NobodyToAskError      4   there is nobody who could say yes
    ├── UnansweredError               4   a question for the user, and nobody answered
    ├── LimitReachedError             5   rounds, tokens, time or money are used up
    ├── StorageError                  6   a local file or log could not be written
    └── InterruptedRunError           130 the user pressed Ctrl-C

Each class knows its exit code; each instance may carry a hint: one sentence that tells the user what to do next.
This module imports nothing of ours, so that every other module may import it.
"""

from collections.abc import Iterable
from typing import Any, ClassVar


class LlmgineError(Exception):
    """The root of the tree: a message for the user, and a hint about what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(LlmgineError):
    """What was asked for cannot be asked for in this way."""

    exit_code = 2


class NotFoundError(UsageError):
    """Nothing of that kind has that name; the nearest names are in the hint."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"no {kind} named {name!r}", hint=near_miss(name, known) or hint)


class PromptError(UsageError):
    """A prompt template cannot be read, parsed or filled in."""


class SettingsError(LlmgineError):
    """A setting is wrong; the message names the file or variable and the key.

    Attributes:
        others: What else is wrong in the same settings.
    """

    exit_code = 3
    others: "tuple[SettingsError, ...]" = ()


class CredentialsError(SettingsError):
    """A key is missing, or the vendor refused it; the message names the variable."""


class NoModelError(SettingsError):
    """No model was named and none can be chosen."""


class UntrustedError(SettingsError):
    """A folder's code or settings were needed, and nobody has trusted them."""


class BusError(LlmgineError):
    """The message bus was used in a way it does not allow."""


class NoHandlerError(BusError):
    """A command was executed that nobody handles."""


class DuplicateHandlerError(BusError):
    """A second handler was registered for one command type in one session."""


class BusClosedError(BusError):
    """The bus was used after it was closed."""


class TooDeepError(BusError):
    """Messages were published or executed within one another, deeper than anybody means to."""


class MailboxFullError(BusError):
    """A mailbox's own handler, which cannot wait for itself, fills it faster than it empties it."""


class ProviderError(LlmgineError):
    """The model, or whoever serves it, failed.

    Args:
        message: One line for the user.
        provider: The provider's name, as in `provider:model`.
        status: The HTTP status, when there was an answer.
        retryable: Whether the same request may succeed later.
        retry_after: Seconds the vendor asked us to wait.
        hint: What to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after


class UnreachableError(ProviderError):
    """No connection could be made, or it broke."""


class TimedOutError(ProviderError):
    """The vendor accepted the connection and then said nothing for too long."""


class RateLimitedError(ProviderError):
    """The vendor asks us to slow down (429)."""


class NoCreditError(ProviderError):
    """The account at the vendor has no credit left."""


class ModelNotFoundError(ProviderError):
    """The vendor has no model of that name."""


class ContextWindowError(ProviderError):
    """The conversation is longer than the model takes.

    Args:
        message: One line for the user.
        tokens: How many the request has, where the vendor tells.
        limit: How many the model takes at most, where the vendor tells.
        more: As for `ProviderError`.
    """

    def __init__(self, message: str, *, tokens: int | None = None, limit: int | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.tokens = tokens
        self.limit = limit


class BadResponseError(ProviderError):
    """The answer is not what the protocol promises: HTML, broken JSON, an error object in mid-stream."""


class TruncatedError(ProviderError):
    """The stream ended before its finish marker; what came is kept and logged."""


class InvalidAnswerError(LlmgineError):
    """The answer has not the form that was asked for.

    Args:
        problems: What is wrong with it, one line each.
        answer: The text, as the model gave it.
        hint: What to do next.
    """

    def __init__(self, problems: Iterable[str], *, answer: str, hint: str | None = None) -> None:
        self.problems = tuple(problems)
        self.answer = answer
        super().__init__(f"the answer has not the form that was asked for: {'; '.join(self.problems)}", hint=hint)


class EngineError(LlmgineError):
    """An engine raised an exception that is none of ours; its `__cause__` is that exception."""


class ToolError(LlmgineError):
    """A tool cannot be defined, loaded or used as asked."""

    exit_code = 4


class DeniedError(ToolError):
    """An approval was asked for, and the answer was no."""


class NobodyToAskError(DeniedError):
    """An approval was needed and there is nobody to ask, which will not change in this run."""


class UnansweredError(LlmgineError):
    """A question needed the user, and nobody answered it."""

    exit_code = 4


class LimitReachedError(LlmgineError):
    """A limit on rounds, tokens, time or money was reached."""

    exit_code = 5


class StorageError(LlmgineError):
    """A local file could not be written."""

    exit_code = 6


class InterruptedRunError(LlmgineError):
    """The user interrupted the run."""

    exit_code = 130


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """Return "did you mean …?" for the known names closest to `name`, or what there is to choose from.

    Args:
        name: What the user wrote.
        known: All names that would have been right.

    Returns:
        A sentence, or None when nothing is known at all.
    """
    from difflib import get_close_matches

    names = sorted(set(known))
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    if not names:
        return None
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"known: {shown}"
