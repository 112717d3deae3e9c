"""Texts as vectors: what a provider is asked, and what it answers."""

from collections.abc import Sequence

from msgspec import Struct

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.stream import Usage

Vector = Sequence[float]


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    """One request for vectors.

    Attributes:
        model: The model's name as its vendor knows it, without the provider.
        texts: What to turn into vectors; none of them empty.
        dimensions: Numbers a vector should have, for models that offer a choice; None: as the model has them.
    """

    model: str
    texts: tuple[str, ...]
    dimensions: int | None = None


class Embeddings(Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        vectors: One for each text, in the order of the texts; all of one length.
        model: The model that answered, as the vendor names it.
        usage: Tokens, as far as the vendor counts them; only of the input.
    """

    vectors: tuple[Vector, ...]
    model: str | None = None
    usage: Usage = Usage()


def no_embeddings(provider: str) -> UsageError:
    """Return the error of a provider that has no vectors to give."""
    return UsageError(
        f"{provider} makes no embeddings",
        hint="name a model that does, as with -m openai:text-embedding-3-small or -m local:smollm2-135m",
    )
