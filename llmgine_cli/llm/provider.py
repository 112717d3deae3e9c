"""What a provider is: whoever turns a request into a stream of events."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.messages import Request
from llmgine_cli.llm.stream import StreamEvent


class Provider(Protocol):
    """Where models are served.

    Implementations translate a `Request` into their wire format and the answer into stream events. They raise only
    `ProviderError`, `SettingsError` and their kin; foreign exceptions are mapped where they enter.
    """

    @property
    def name(self) -> str:
        """The left half of `provider:model`."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """Ask the model. With `request.stream` false the answer comes whole, as the same kinds of events.

        Closing the iterator early closes the connection.
        """
        ...

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Turn texts into vectors.

        Raises:
            UsageError: It cannot do that.
            ProviderError: It failed.
        """
        ...

    async def models(self, *, seconds: float = 10.0) -> list[str]:
        """Return the names of the models it has now; `seconds` is how long it may take to tell."""
        ...

    async def aclose(self) -> None:
        """Release connections and processes. Harmless the second time."""
        ...


@dataclass(frozen=True, kw_only=True)
class ProviderContext:
    """What a provider of an installed package is made with.

    Attributes:
        name: As in `provider:model`: that of its entry point.
        api_key: The key, if `[providers.NAME]` names a variable with `api_key_env`.
        key: Gives the key that a variable holds: from the environment, as `llmgine keys set` stored it, or from `.env`.
        base_url: Where requests go, if `[providers.NAME]` says so.
        headers: What to send with every request, if it says so.
        connect_timeout: Seconds to wait for a connection.
        idle_timeout: Seconds an answer may stand still.
    """

    name: str
    key: Callable[[str], str | None] = field(repr=False)
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    connect_timeout: float = 10.0
    idle_timeout: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that can be called: a provider, and the name by which it knows the model.

    Attributes:
        provider: Where it is served.
        name: The right half of `provider:model`.
        reason: Why it was chosen, for people: "named with -m", "OPENAI_API_KEY is set", …
        explicit: Whether the user asked for it by name (a flag, or a setting of their own).
    """

    provider: Provider
    name: str
    reason: str = ""
    explicit: bool = True

    def __str__(self) -> str:
        return f"{self.provider.name}:{self.name}"
