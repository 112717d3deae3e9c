"""`--td`: calls of tools and their results in full."""

from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.server import Answer, FakeVendor, ToolCalls


@pytest.mark.parametrize("command", ["run", "chat"])
def test_calls_and_results_are_cut_unless_they_are_asked_for_in_full(
    cli: Program, tmp_path: Path, command: str
) -> None:
    tools = tmp_path / "mine.py"
    tools.write_text(
        'def rows(of: str) -> str:\n    """Rows."""\n    return "\\n".join(f"{n}: {of}" for n in range(60))\n'
    )
    long = "long " * 60
    said = []
    for option in ([], ["--td"]):
        with FakeVendor([ToolCalls(("rows", {"of": long})), Answer("done")]) as vendor:
            done = cli(
                command, "-m", "openai:gpt-4.1", "-T", tools, "--approve", "all", *option, input="hi\n",
                env={"OPENAI_API_KEY": "sk-test-0123456789abcdef0123", "OPENAI_BASE_URL": vendor.url},
            )  # fmt: skip
        assert (done.code, done.stdout) == (0, "done\n")
        said.append(done.stderr)
    short, full = said
    assert "57 more lines" in short
    assert long not in short
    assert f'rows(of="{long}")' in full
    assert f"59: {long}".rstrip() in full
    assert "more lines" not in full
