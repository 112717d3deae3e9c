"""The examples in docs/bus.md and docs/testing.md work as they stand on the page."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.bus import Bus, Command
from llmgine_cli.errors import ProviderError
from llmgine_cli.testing import says

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


async def run(source: str, **names: Any) -> dict[str, Any]:
    """Run a block whose top level may await, and return its names."""
    namespace: dict[str, Any] = {"__name__": __name__, **names}
    outcome = eval(compile(source, "docs", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    if inspect.isawaitable(outcome):
        await outcome
    return namespace


async def test_the_first_example_of_the_bus(capsys: pytest.CaptureFixture[str]) -> None:
    names = await run(blocks("bus.md")[0])
    told, answer = capsys.readouterr().out.splitlines()
    assert told.startswith("Rang(")
    assert answer == "HELLO"
    assert names["bus"].closed


async def test_the_other_examples_of_the_bus(capsys: pytest.CaptureFixture[str]) -> None:
    first, mailbox, middleware = blocks("bus.md")
    names = await run(first)
    names["bus"] = bus = Bus()
    names = await run(mailbox, **{**names, "upload": print})
    assert names["subscription"].mailbox is not None
    bus.register(names["Ring"], lambda command: "rung")
    async with bus.session() as session:
        await run(middleware, **{**names, "session": session, "Fetch": Command})
        assert (await session.execute(names["Ring"](text="a"))).unwrap() == "rung"
    assert "about to Ring(" in capsys.readouterr().out


async def test_the_example_of_a_test() -> None:
    names = await run(blocks("testing.md")[0])
    await names["test_my_engine_says_please"]()


async def test_the_example_of_a_script_that_fails() -> None:
    provider = (await run(blocks("testing.md")[1]))["provider"]
    assert says("half an ans")[0] == provider._scripts[0][0]
    with pytest.raises(ProviderError, match="the line went dead"):
        async for _ in provider.stream(None):
            pass


async def test_the_plugin_that_is_named_is_there() -> None:
    from llmgine_cli.testing import fixtures

    plugin = (await run(blocks("testing.md")[2]))["pytest_plugins"]
    assert plugin == [fixtures.__name__]
    table = re.findall(r"^\| `(\w+)` \|", (DOCS / "testing.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"recording_bus", "scripted", "llmgine_home"} == {name for name in table if hasattr(fixtures, name)}
