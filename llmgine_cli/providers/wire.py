"""What the wire formats share: JSON out and in, data URLs, and the list of models."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any, TypeVar, cast

import msgspec

from llmgine_cli.errors import LlmgineError, ModelNotFoundError, ProviderError, near_miss
from llmgine_cli.llm.messages import File, Image
from llmgine_cli.providers import faults
from llmgine_cli.providers.transport import Endpoint, Transport

T = TypeVar("T")
_LOOKUP_TIMEOUT = 3.0  # seconds: a hint is not worth more
_DRAIN_TIMEOUT = 0.1  # seconds: a new connection costs about as much


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the body as JSON. Half characters, as an undecodable file name has them, become U+FFFD."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(_scrubbed(body))


def sendable(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """Return the body so that any library can make the JSON of it that `encode` makes, and the bytes that this has."""
    try:
        return body, len(msgspec.json.encode(body))
    except UnicodeEncodeError:
        clean = cast("dict[str, Any]", _scrubbed(body))
        return clean, len(msgspec.json.encode(clean))


def decode(data: bytes, decoder: msgspec.json.Decoder[T], endpoint: Endpoint) -> T:
    """Read JSON of the given type.

    Raises:
        BadResponseError: It is no JSON, or of another type.
    """
    try:
        return decoder.decode(data)
    except ValueError as error:  # msgspec's errors, and UnicodeDecodeError
        raise faults.bad_data(endpoint, error) from error


def decode_whole(data: bytes, decoder: msgspec.json.Decoder[T], endpoint: Endpoint) -> T:
    """Read an answer that was not streamed.

    Raises:
        BadResponseError: It is no answer.
    """
    if data.lstrip()[:1] != b"{":
        raise faults.no_answer(endpoint, data)
    return decode(data, decoder, endpoint)


def arguments_object(arguments: str) -> dict[str, Any]:
    """Return a call's arguments as an object; what the model wrote wrongly is kept under one key.

    The tool has answered such a call with an error that quotes it, and vendors refuse history that does not parse.
    """
    try:
        value = msgspec.json.decode(arguments or "{}")
    except ValueError:
        value = arguments
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"invalid_arguments": value}


def arguments_text(arguments: str) -> str:
    """Return a call's arguments as JSON text of an object: the model's own if they are, for servers that parse them."""
    parsed = arguments_object(arguments)
    if "invalid_arguments" in parsed or not arguments:
        return msgspec.json.encode(parsed).decode()
    return arguments


def data_url(part: Image | File) -> str:
    """Return the bytes of an image or file as a URL, or the image's own address."""
    if isinstance(part, Image) and part.url is not None:
        return part.url
    return f"data:{part.media_type};base64,{b64encode(part.data or b'').decode('ascii')}"


def quoted_file(part: File) -> str | None:
    """Return a text file as text for the model; None for any other file."""
    if not (part.media_type.startswith("text/") or part.media_type in {"application/json", "application/xml"}):
        return None
    from llmgine_cli.llm.attachments import quoted

    return quoted(part.name, part.data).text.rstrip("\n")


def is_call_signature(signature: str | None) -> bool:
    """Whether it signs a tool call: these are kept as the JSON objects they came as; thoughts are signed in base64."""
    return signature is not None and signature.startswith("{")


def is_thought_signature(signature: str | None) -> bool:
    """Whether it is base64, as Anthropic signs thoughts; what other protocols keep there is JSON."""
    return signature is not None and not signature.startswith(("{", "["))


class _Listed(msgspec.Struct):
    id: str


class _Listing(msgspec.Struct):
    data: list[_Listed] | None = None


async def list_models(transport: Transport, endpoint: Endpoint, path: str, *, seconds: float) -> list[str]:
    """Return the names of a vendor's models.

    Raises:
        ProviderError: The vendor could not be asked.
        SettingsError: The key was refused.
    """
    data = await transport.get(path, seconds=seconds)
    if data.lstrip()[:1] == b"[":  # Together leaves the envelope out
        listed = decode(data, msgspec.json.Decoder(list[_Listed]), endpoint)
    else:
        listed = decode_whole(data, msgspec.json.Decoder(_Listing), endpoint).data or []
    return [model.id.removeprefix("models/") for model in listed]


async def with_near_misses(
    error: ModelNotFoundError, model: str, transport: Transport, endpoint: Endpoint, path: str
) -> ModelNotFoundError:
    """Add to an unknown model's error which models there are, if the vendor tells quickly."""
    try:
        known = await list_models(transport, endpoint, path, seconds=_LOOKUP_TIMEOUT)
    except LlmgineError:
        known = []  # the hint was worth a try, and the error is told without it
    where = f"look at {endpoint.models_page}" if endpoint.models_page else f"see which models {endpoint.provider} has"
    error.hint = near_miss(model, known) or where
    return error


async def drain(events: AsyncGenerator[bytes, None]) -> None:
    """Read what follows the last event, so that the connection can be used again; give up soon if nothing ends it."""
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(_DRAIN_TIMEOUT):
            async for _ in events:
                pass


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item) for item in cast("list[Any]", value)]
    return value
