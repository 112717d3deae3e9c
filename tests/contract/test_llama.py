"""The real llama.cpp server is one more peer: it speaks all protocols, and gives one answer over all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from llmgine_cli.errors import CredentialsError
from llmgine_cli.llm.stream import Finished, TextDelta, fold
from llmgine_cli.providers.llama import LlamaServer
from tests.contract.oracles import ORACLES, Seen, responses, seen
from tests.support import local_model
from tests.support.adapters import PEERS, Peer, request

pytestmark = [pytest.mark.local_model, pytest.mark.parametrize("peer", PEERS, ids=str)]
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
QUESTION = "Name three fruits."
ALIKE: dict[str, Any] = {"temperature": 0, "max_tokens": 24}


@dataclass(frozen=True)
class Llama:
    """Where it serves."""

    root: str
    key: str

    @property
    def url(self) -> str:
        """The base URL as OpenAI's SDK takes it."""
        return f"{self.root}/v1"


@pytest.fixture(scope="module")
def llama() -> Iterator[Llama]:
    server = LlamaServer(local_model.model(), name="smollm2")
    try:
        yield Llama(asyncio.run(server.ready()), server.key)
    finally:
        server.stop()


@pytest.fixture
async def made(peer: Peer, llama: Llama) -> AsyncIterator[Any]:
    async with peer.provider(llama.url, key=llama.key) as provider:
        yield provider


@streamed_or_not
async def test_we_see_what_the_sdk_sees(peer: Peer, llama: Llama, made: Any, stream: bool) -> None:
    # Without the memory of the request before, the second one is reckoned in the same way as the first.
    asked = request(QUESTION, model="smollm2", stream=stream, **ALIKE, extra={"cache_prompt": False})
    async with aclosing(made.stream(asked)) as events:
        ours = seen(await fold(events))
    theirs = await oracle(peer)(
        llama,
        stream=stream,
        key=llama.key,
        model="smollm2",
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=ALIKE["max_tokens"],
        extra_body={"temperature": 0, "cache_prompt": False},
    )
    assert ours["text"]
    assert {**ours, "id": ""} == {**theirs, "id": ""}


def oracle(peer: Peer) -> Callable[..., Awaitable[Seen]]:
    """The vendor's SDK; of Responses llama.cpp leaves out the place of each piece, which the SDK counts on."""
    return partial(responses, accumulated=False) if peer.protocol == "responses" else ORACLES[peer.protocol]


async def test_it_streams_piece_by_piece(made: Any) -> None:
    async with aclosing(made.stream(request(QUESTION, model="smollm2", **ALIKE))) as stream:
        events = [event async for event in stream]
    assert len([event for event in events if isinstance(event, TextDelta)]) > 5
    assert isinstance(events[-1], Finished)


async def test_it_says_which_models_it_has(made: Any) -> None:
    assert await made.models() == ["smollm2"]


async def test_it_refuses_a_wrong_key(peer: Peer, llama: Llama) -> None:
    async with peer.provider(llama.url, key="wrong") as provider:
        with pytest.raises(CredentialsError):
            [event async for event in provider.stream(request(model="smollm2"))]
