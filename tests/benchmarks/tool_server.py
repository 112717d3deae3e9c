"""A model on loopback that asks for one tool and then answers: ``python tool_server.py`` prints its port.

Streams of server-sent events for those who ask for one, whole answers for the others; ready-made bytes, so that the
server costs next to nothing. Only the standard library is imported.
"""

import asyncio
import json
import re
from typing import Any

TOOL = "add"
ARGUMENTS = {"a": 2, "b": 40}
ANSWER = "forty-two"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CALL = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": json.dumps(ARGUMENTS)}}
_USAGE = {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40}


def whole(message: dict[str, Any], finish: str) -> bytes:
    """Return an answer that comes in one piece."""
    body = {
        **_head("chat.completion"),
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": _USAGE,
    }
    return _response("application/json", json.dumps(body).encode())


def streamed(deltas: list[dict[str, Any]], finish: str) -> bytes:
    """Return an answer that comes as a stream."""
    choices: list[list[dict[str, Any]]] = [
        *([{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas),
        [{"index": 0, "delta": {}, "finish_reason": finish}],
    ]
    events = [{**_head("chat.completion.chunk"), "choices": each, "usage": None} for each in choices]
    events.append({**_head("chat.completion.chunk"), "choices": [], "usage": _USAGE})
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    return _response("text/event-stream", data)


def _head(kind: str) -> dict[str, Any]:
    return {"id": "bench", "object": kind, "created": 1, "model": "tool-loop"}


def _response(content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


# (whether streamed, whether the tool has answered) → response
ANSWERS = {
    (False, False): whole({"content": None, "tool_calls": [_CALL]}, "tool_calls"),
    (False, True): whole({"content": ANSWER}, "stop"),
    (True, False): streamed(
        [{"role": "assistant", "content": None, "tool_calls": [{"index": 0, **_CALL}]}], "tool_calls"
    ),
    (True, True): streamed([{"role": "assistant", "content": piece} for piece in ("forty", "-", "two")], "stop"),
}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it ends."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = json.loads(await reader.readexactly(int(length[1]))) if length else {}
            answered = body["messages"][-1]["role"] == "tool"
            writer.write(ANSWERS[bool(body.get("stream")), answered])
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
