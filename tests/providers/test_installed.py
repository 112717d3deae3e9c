"""Providers of installed packages: found by their entry points, and kept from doing harm."""

import re
from pathlib import Path

import pytest

from tests.support.program import Program

DOCS = Path(__file__).parents[2] / "docs" / "providers.md"
MORE = """
class Bare:
    def __init__(self, context):
        self.context = context
    async def stream(self, request):
        yield TextDelta(f"{self.context.key('ACME_API_KEY')} {self.context.base_url} {dict(self.context.headers)}")
        yield Finished(reason="stop", model=request.model)

class Raising(Bare):
    async def stream(self, request):
        yield TextDelta("half")
        raise ValueError("boom")

class Endless(Bare):
    async def stream(self, request):
        yield TextDelta("half")

class Odd(Bare):
    async def stream(self, request):
        return "hello"

class Leaving:
    def __init__(self, context):
        raise SystemExit(9)

class Nothing:
    def __init__(self, context):
        pass

class Closing(Bare):
    async def aclose(self):
        raise RuntimeError("close boom")

class Property(Bare):
    @property
    def stream(self):
        raise RuntimeError("property boom")

class Quitting(Bare):
    async def models(self, *, seconds):
        raise SystemExit(4)
    async def embed(self, request):
        return [[1.0]]

class Cancelling(Bare):
    async def stream(self, request):
        import asyncio
        raise asyncio.CancelledError
        yield

class Iterating(Bare):
    def stream(self, request):
        class It:
            def __init__(self):
                self.left = [TextDelta("by hand"), Finished(reason="stop")]
            def __aiter__(self):
                return self
            async def __anext__(self):
                if not self.left:
                    raise StopAsyncIteration
                return self.left.pop(0)
        return It()

class Words(Bare):
    async def stream(self, request):
        yield "hello"

class Telling(Bare):
    async def stream(self, request):
        raise RuntimeError("401 for key " + self.context.key("LEAK_KEY") + " and " + str(self.context.api_key))
        yield

class Tools(Bare):
    async def stream(self, request):
        from llmgine_cli.api import ToolCall, ToolCallArguments, ToolCallComplete, ToolCallOpened
        if request.messages[-1].role == "tool":
            yield TextDelta(f"it is {request.messages[-1].parts[0].content}")
        else:
            call = ToolCall(id="1", name="calculate", arguments='{"expression": "6*7"}')
            yield ToolCallOpened(index=0, id="1", name="calculate")
            yield ToolCallArguments(index=0, fragment=call.arguments)
            yield ToolCallComplete(index=0, call=call)
        yield Finished(reason="stop", model=request.model)
    async def models(self, *, seconds):
        raise OSError("no line")
    async def embed(self, request):
        from llmgine_cli.api import Embeddings
        return Embeddings(vectors=tuple((float(len(text)), 0.0) for text in request.texts))
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with the provider of the documentation and others."""
    page = DOCS.read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "my_package.py").write_text(code + MORE)
    (site / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 1.0\n")
    names = (
        *("bare", "raising", "endless", "odd", "leaving", "nothing", "tools", "absent", "closing", "property"),
        *("quitting", "cancelling", "iterating", "words", "telling"),
    )
    points = [f"{name} = my_package:{name.title()}" for name in names]
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        "[llmgine.providers]\nacme = my_package:Acme\nopenai = my_package:Acme\n" + "\n".join(points)
    )
    monkeypatch.setenv("PYTHONPATH", str(site))


def test_the_one_on_the_page_answers_with_usage_and_is_listed(cli: Program) -> None:
    done = cli("run", "-u", "-m", "acme:fast", "hello")
    assert (done.stdout, done.code) == ("You said: hello\n", 0)
    assert "3 in, 3 out" in done.stderr
    listed = cli("models", "list").stdout
    assert "acme:fast" in listed
    assert "acme:smart" in listed


def test_its_context_says_what_the_settings_and_the_keys_say(cli: Program) -> None:
    Path("llmgine.toml").write_text('[providers.bare]\nbase_url = "http://here"\nheaders = { X = "1" }\n')
    assert cli("trust", "--yes", ".").code == 0
    done = cli("run", "-m", "bare:x", "hello", env={"ACME_API_KEY": "k1"})
    assert done.stdout == "k1 http://here {'X': '1'}\n"


@pytest.mark.parametrize(
    ("name", "code", "said", "why"),
    [
        ("raising", 1, "half\n", "raising failed: ValueError: boom"),
        ("endless", 1, "half\n", "the stream ended without its finish marker"),
        ("odd", 1, "", "odd failed: TypeError: stream is no async generator: it returned a coroutine"),
        ("words", 1, "", "words failed: TypeError: stream gave a str, which is no event of a stream"),
        ("cancelling", 1, "", "cancelling failed: CancelledError"),
        ("property", 3, "", "provider 'property' of acme-models cannot be made: RuntimeError: property boom"),
        ("leaving", 3, "", "provider 'leaving' of acme-models cannot be made: SystemExit: 9"),
        ("nothing", 3, "", "provider 'nothing' of acme-models has no stream: Nothing"),
        ("absent", 3, "", "has no attribute 'Absent'"),
    ],
)
def test_one_that_fails_is_told_in_one_line(cli: Program, name: str, code: int, said: str, why: str) -> None:
    done = cli("run", "--retries", "0", "-m", f"{name}:x", "hello")
    assert (done.stdout, done.code) == (said, code)
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_calls_tools_and_makes_vectors(cli: Program) -> None:
    done = cli("run", "-m", "tools:x", "-T", "calculate", "--approve", "all", "what is 6 times 7?")
    assert (done.stdout, done.code) == ("it is 42\n", 0)
    assert cli("embed", "-m", "tools:x", "abc").stdout == '{"id":"1","embedding":[3.0,0.0]}\n'
    assert "acme makes no embeddings" in cli("embed", "-m", "acme:x", "abc").stderr
    assert "no line" in cli("models", "list", "--verbose").stderr


def test_the_name_of_one_of_ours_cannot_be_taken(cli: Program) -> None:
    done = cli("run", "-m", "openai:x", "hello")
    assert "openai needs a key" in done.stderr


def test_one_that_misbehaves_spoils_nothing_for_the_others(cli: Program) -> None:
    assert cli("run", "-m", "closing:x", "hello").code == 0
    assert cli("run", "-m", "iterating:x", "hello").stdout == "by hand\n"
    listed = cli("models", "list", "--verbose")
    assert (listed.code, "acme:fast" in listed.stdout) == (0, True)
    assert "quitting failed: SystemExit: 4" in listed.stderr
    assert "property boom" in listed.stderr
    done = cli("doctor", "--offline")
    assert "bug" not in done.stderr
    assert "embed gave a list, and Embeddings are wanted" in cli("embed", "-m", "quitting:x", "abc").stderr


def test_its_keys_are_told_nowhere_and_come_from_the_variable_that_is_named(cli: Program) -> None:
    named = {"LLMGINE_PROVIDERS__TELLING__API_KEY_ENV": "OWN_KEY"}
    done = cli("run", "-m", "telling:x", "hi", env={"LEAK_KEY": "plainsecret1", "OWN_KEY": "plainsecret2", **named})
    assert "telling failed: RuntimeError: 401 for key *** and ***" in done.stderr
    missing = cli("run", "-m", "telling:x", "hi", env={"LEAK_KEY": "plainsecret1", **named})
    assert (missing.code, "telling needs a key: OWN_KEY is not set" in missing.stderr) == (3, True)
