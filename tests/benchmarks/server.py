"""An OpenAI-compatible server on loopback that thinks for no time: what is left is the client.

The model's name says what it answers: `words-20` twenty chunks of plain text, `markdown-5000` five thousand chunks of
markdown. Answers are ready-made bytes, so that the server costs next to nothing. It prints its port and serves until it
is ended.
"""

import functools
import itertools
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAST_WORD = "finished"
PIECE = 16_384  # bytes for each write

MARKDOWN = """\
## A heading with `code` and *emphasis*

A paragraph that runs over a line or two of a terminal, with **strong** words, a [link](https://example.com) and nothing
that has to be clever.

- first item, short
- second item, with `inline code`
- third item

```python
def area(width: float, height: float) -> float:
    return width * height
```

| name | value |
|---|---|
| one | 1 |
| two | 2 |

> A quotation at the end.

"""


class Handler(BaseHTTPRequestHandler):
    """Answers every POST as a streamed chat completion."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Send the ready-made answer that the model's name asks for."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = stream(json.loads(body)["model"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        for start in range(0, len(answer), PIECE):
            self.wfile.write(answer[start : start + PIECE])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class calls it so
        """Say nothing."""


@functools.cache
def stream(model: str) -> bytes:
    """Return the whole server-sent stream of a model such as `words-20`."""
    kind, _, count = model.partition("-")
    texts = [*itertools.islice(pieces(kind), int(count)), f"\n\n{LAST_WORD}\n"]
    events: list[object] = [chunk(model, {"role": "assistant", "content": ""}, None)]
    events += [chunk(model, {"content": text}, None) for text in texts]
    events += [chunk(model, {}, "stop"), usage(model, len(texts))]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def pieces(kind: str) -> Iterator[str]:
    """Yield text for ever, in pieces of about a token."""
    source = MARKDOWN if kind == "markdown" else "a plain word and then another one "
    return itertools.cycle(re.findall(r"\S+\s*", source))


def chunk(model: str, delta: dict[str, str], finish: str | None) -> dict[str, object]:
    """Return one event of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "bench", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}


def usage(model: str, tokens: int) -> dict[str, object]:
    """Return the last event, which counts the tokens."""
    counts = {"prompt_tokens": 8, "completion_tokens": tokens, "total_tokens": 8 + tokens}
    return {**chunk(model, {}, None), "choices": [], "usage": counts}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
