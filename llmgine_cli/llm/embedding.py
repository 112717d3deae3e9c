"""One request for vectors, told on the bus from beginning to end."""

import asyncio
import time

import msgspec

from llmgine_cli.bus import Bus
from llmgine_cli.llm.attempts import Attempts, attempted
from llmgine_cli.llm.embeddings import EmbeddingRequest, Embeddings
from llmgine_cli.llm.events import EmbeddingFailed, EmbeddingFinished, EmbeddingStarted
from llmgine_cli.llm.provider import Model


async def embed_texts(bus: Bus, request: EmbeddingRequest, attempts: Attempts) -> Embeddings:
    """Have texts turned into vectors, and publish what happens: started, then finished or failed.

    Args:
        bus: Where the events go.
        request: What to ask; its `model` is replaced by the name of whoever is asked.
        attempts: Says whom to ask, whether and when again.

    Raises:
        UsageError: The model makes no vectors.
        ProviderError: It failed.
    """
    characters = sum(map(len, request.texts))
    started = EmbeddingStarted(model=str(attempts.model), texts=len(request.texts), characters=characters)
    await bus.publish(started)
    begin = time.perf_counter()

    async def once(model: Model) -> Embeddings:
        return await model.provider.embed(msgspec.structs.replace(request, model=model.name))

    try:
        answer = await attempted(bus, started.event_id, attempts, once)
    except (Exception, asyncio.CancelledError) as error:
        await bus.publish(
            EmbeddingFailed(
                call_id=started.event_id,
                model=str(attempts.model),
                error=str(error) or "interrupted",
                error_type=type(error).__name__,
                duration_ms=(time.perf_counter() - begin) * 1000,
            )
        )
        raise
    await bus.publish(
        EmbeddingFinished(
            call_id=started.event_id,
            model=str(attempts.model),
            dimensions=len(answer.vectors[0]),
            usage=answer.usage,
            duration_ms=(time.perf_counter() - begin) * 1000,
        )
    )
    return answer
