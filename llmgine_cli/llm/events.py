"""What is told on the bus about a conversation with a model."""

from typing import ClassVar

from llmgine_cli.bus import Event
from llmgine_cli.bus.messages import message
from llmgine_cli.llm.messages import Message, ModelOptions, ResponseFormat
from llmgine_cli.llm.stream import Reply, Usage


@message
class MessageAdded(Event):
    """The conversation grew by one message. These events and the two below, in order, are the conversation."""

    message: Message


@message
class SystemChanged(Event):
    """The conversation begins with this system message now, in place of the one it had, if any."""

    message: Message


@message
class HistoryRewound(Event):
    """The conversation forgot its end, because a turn failed or the user starts anew.

    Attributes:
        kept: How many of its messages remain, from the first on.
    """

    kept: int


@message
class ConversationOpened(Event):
    """A conversation begins, or is gone on with: who takes part in it.

    Attributes:
        engine: The strategy, by the name it can be found with.
        model: `provider:model`.
        tools: Names of the tools that were granted.
    """

    engine: str
    model: str
    tools: tuple[str, ...] = ()


@message
class SessionForked(Event):
    """The session goes on where another one stood; the messages carried over follow as `MessageAdded`.

    Attributes:
        from_session: Id of the other one, which stays as it is.
        at_event: Id of its last event that was taken into account.
    """

    from_session: str
    at_event: str | None = None


@message
class SessionNamed(Event):
    """The session can be called by this name, in place of any it had, until another session takes the name over."""

    name: str


@message
class LLMCallStarted(Event):
    """A request is about to be sent. Its `event_id` is the `call_id` of all that follows.

    Attributes:
        model: `provider:model`.
        history: How many messages of the conversation (see `MessageAdded`) the request begins with.
        messages: The messages it has beyond those.
        tools: Names of the tools offered.
        options: How to sample.
        response_format: The form that the answer must have; None: any text.
    """

    model: str
    history: int
    messages: tuple[Message, ...] = ()
    tools: tuple[str, ...] = ()
    options: ModelOptions = ModelOptions()
    response_format: ResponseFormat | None = None


@message
class TextChunk(Event):
    """A piece of the answer, for the screen; not logged one by one."""

    logged: ClassVar[bool] = False

    call_id: str
    text: str


@message
class ReasoningChunk(Event):
    """A piece of the model's thoughts, for the screen; not logged one by one."""

    logged: ClassVar[bool] = False

    call_id: str
    text: str


@message
class ReplyGrew(Event):
    """What has come of an answer since the last of these: now and then, so that `kill -9` takes little of it.

    Attributes:
        call_id: The `event_id` of the `LLMCallStarted`.
        text: The text since then.
    """

    call_id: str
    text: str


@message
class LLMAttemptFailed(Event):
    """An attempt at a call failed before anything of an answer came, and another one follows.

    Attributes:
        call_id: The `event_id` of the `LLMCallStarted`.
        model: `provider:model` that was asked.
        attempt: The number of the attempt at this model, from 1.
        attempts: How many there may be.
        error: What went wrong, for people.
        error_type: The class name of the exception.
        status: The HTTP status, when there was an answer.
        duration_ms: Milliseconds from sending to the failure.
        wait_s: Seconds until the next attempt.
        next_model: Whom that asks: the same model, or a fallback.
    """

    call_id: str
    model: str
    attempt: int
    attempts: int
    error: str
    error_type: str
    status: int | None = None
    duration_ms: float
    wait_s: float
    next_model: str


@message
class LLMCallFinished(Event):
    """The model has answered.

    Attributes:
        call_id: The `event_id` of the `LLMCallStarted`.
        model: `provider:model` that answered: the one asked for, or a fallback.
        reply: The whole answer.
        duration_ms: Milliseconds from sending to the end.
        first_token_ms: Milliseconds from sending to the first piece of text, reasoning or tool call.
    """

    call_id: str
    model: str
    reply: Reply
    duration_ms: float
    first_token_ms: float | None = None


@message
class LLMCallFailed(Event):
    """The model did not answer, or not to the end.

    Attributes:
        call_id: The `event_id` of the `LLMCallStarted`.
        model: `provider:model` that was asked last.
        error: What went wrong, for people.
        error_type: The class name of the exception.
        partial: What had come before.
        duration_ms: Milliseconds from sending to the failure.
        usage: Tokens, estimated as far as the vendor had not counted them; none where nothing had come.
    """

    call_id: str
    model: str
    error: str
    error_type: str
    partial: Message
    duration_ms: float
    usage: Usage = Usage()


@message
class LLMCallInterrupted(Event):
    """The user stopped the answer; fields as in `LLMCallFailed`."""

    call_id: str
    model: str
    partial: Message
    duration_ms: float
    usage: Usage = Usage()


@message
class EmbeddingStarted(Event):
    """Texts are about to be sent, to be turned into vectors; the texts themselves are not told.

    Attributes:
        model: `provider:model`.
        texts: How many.
        characters: How many in all of them.
    """

    model: str
    texts: int
    characters: int


@message
class EmbeddingFinished(Event):
    """The vectors have come.

    Attributes:
        call_id: The `event_id` of the `EmbeddingStarted`.
        model: `provider:model` as asked for.
        dimensions: Numbers in a vector.
        usage: Tokens.
        duration_ms: Milliseconds from sending to the end.
    """

    call_id: str
    model: str
    dimensions: int
    usage: Usage
    duration_ms: float


@message
class EmbeddingFailed(Event):
    """No vectors came.

    Attributes:
        call_id: The `event_id` of the `EmbeddingStarted`.
        model: `provider:model` as asked for.
        error: What went wrong, for people.
        error_type: The class name of the exception.
        duration_ms: Milliseconds from sending to the failure.
    """

    call_id: str
    model: str
    error: str
    error_type: str
    duration_ms: float


@message
class StatusChanged(Event):
    """An engine says what it is doing, for the spinner; an empty text takes the spinner away."""

    status: str
