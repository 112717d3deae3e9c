"""A program of its own: serves one GGUF file on loopback, in the way of the OpenAI API, until its stdin ends.

llama.cpp could run inside our own process, but it holds the interpreter's lock from the first byte it loads to the last
(nothing moves meanwhile, Ctrl-C included), and when it runs out of memory it aborts. Here only this program suffers.

One line of JSON comes in, `path`, `name`, `key`, `context`, `threads`, `ping`, `habits` and `embedding`; one goes
out, `address` or `error`. Stdin ends when the parent closes it or is gone, however it went.

It is started by its path and imports nothing of ours.
"""

import json
import os
import sys
from importlib import import_module
from typing import Any

_MEAN = 1  # llama.cpp's LLAMA_POOLING_TYPE_MEAN
_LONGEST = 2048  # tokens of a text to make a vector of; the memory for that is taken at the start


def main() -> None:
    """Load, say so, serve."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    for noisy in (1, 2):
        os.dup2(silence, noisy)
    wanted = json.loads(sys.stdin.readline())
    server: Any = None
    try:
        server = _serve(wanted)
        answer = {"address": server.listening_address}
    except Exception as error:  # noqa: BLE001 -- whatever it is, the parent has to hear of it
        answer = {"error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(answer) + "\n")
    answers.close()
    if server is not None:
        sys.stdin.read()
    os._exit(0)  # taking the server apart would wait for answers that nobody reads any more


def _serve(wanted: dict[str, Any]) -> Any:
    xllamacpp: Any = import_module("xllamacpp")  # it has no types
    params = xllamacpp.CommonParams()
    params.model.path = wanted["path"]
    params.model_alias = {wanted["name"]}
    params.api_keys = [wanted["key"]]  # without one it answers any web page the user has open
    params.hostnames = ["127.0.0.1"]
    params.n_ctx = wanted["context"]
    params.n_parallel = 1
    params.cpuparams.n_threads = wanted["threads"]
    params.n_predict = wanted["habits"]["max_tokens"]
    params.sampling.temp = wanted["habits"]["temperature"]
    params.sampling.top_p = wanted["habits"]["top_p"]
    params.sampling.penalty_repeat = wanted["habits"]["repeat_penalty"]
    params.warmup = False
    params.verbosity = 0
    params.ui = False
    params.endpoint_slots = False
    params.sse_ping_interval = wanted["ping"]
    if wanted["embedding"]:
        params.embedding = True
        params.pooling_type = _MEAN
        params.n_batch = params.n_ubatch = _LONGEST  # a text is taken whole or not at all
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
