"""A session as markdown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from llmgine_cli.eventlog.views.export.markdown import as_markdown, contained, fenced, quoted
from llmgine_cli.eventlog.views.teller import tell
from llmgine_cli.llm.messages import Message, Reasoning, Text
from tests.support.session import Session, call

SUM = call("calculate", "1", {"expression": "2+2"})


def exported(session: Session) -> str:
    return "".join(as_markdown(tell(session.path), str))


def test_a_session_reads_from_top_to_bottom(tmp_path: Path) -> None:
    session = Session(tmp_path)
    turn = session.prompt("2+2?\n*now*", 0)
    message = Message("assistant", (Reasoning(text="Sums."), Text("Let me **see**."), SUM))
    session.answered(turn, session.ask(turn, 0), message, 10, 10, reason="tool_calls")
    session.tool_done(session.tool(turn, SUM, 20), SUM, "4\n```", 30, 10)
    session.finish(turn, 40, 40)
    session.end(1250)

    assert exported(session) == (
        "# 2+2? \\*now\\*\n"
        "\n- **Session:** morning\n- **Started:** 2026-11-24 12:00:00 UTC\n- **Engine:** Prompt\n"
        "- **Model:** echo:echo\n- **State:** finished, 1 turn\n- **Duration:** 1.25 s\n- **Tokens:** 9 in, 5 out\n"
        "\n## User\n\n<sub>2026-11-24 12:00:00 UTC</sub>\n\n> 2+2?\n> *now*\n"
        "\n## Assistant\n\n<sub>2026-11-24 12:00:00 UTC · echo:echo · 10 ms · 9 → 5 tokens · 500 tokens/s</sub>\n"
        "\n<details>\n<summary>Thoughts</summary>\n\n> Sums.\n\n</details>\n"
        "\nLet me **see**.\n"
        '\n<details>\n<summary><code>calculate(expression="2+2")</code> · done in 10 ms</summary>\n'
        "\n````\n4\n```\n````\n\n</details>\n"
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("```python\nx < 1 <b>\n```", "```python\nx < 1 <b>\n```"),
        ("```python\nx", "```python\nx\n```"),
        ("~~~~\n```", "~~~~\n```\n~~~~"),
        ("```", "```\n```"),
        ("a <b>bold</b> `<i>` <!-- c", "a &lt;b>bold&lt;/b> `<i>` &lt;!-- c"),
        ("see <https://example.org> and 1 < 2", "see <https://example.org> and 1 < 2"),
        ("    <indented>", "    <indented>"),
        ("- item\n\n  ```\n  <x>\n  ```\n", "- item\n\n  ```\n  <x>\n  ```\n"),
        ("<details>\n<summary>", "&lt;details>\n&lt;summary>"),
    ],
)
def test_an_answer_ends_where_it_ends_and_its_tags_are_text(text: str, kept: str) -> None:
    assert contained(text) == kept


HOSTILE = st.lists(
    st.sampled_from(
        ["```", "~~~", "````", "<!--", "<b>", "</details>", "`", "- ", "> ", "    ", "\n", "\n\n", "x", "<?", "|"]
    ),
    max_size=14,
).map("".join)


@given(text=HOSTILE)
def test_whatever_an_answer_is_what_follows_is_not_swallowed(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(contained(text) + "\n\n## After\n")

    assert [token.content for token in tokens if token.type == "inline"][-1:] == ["After"]
    assert not [token for token in tokens if token.type == "html_block"]


@given(text=HOSTILE)
def test_whatever_somebody_said_stays_in_its_quotation(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(quoted(contained(text)) + "\n\n## After\n")

    assert tokens[0].type == "blockquote_open"
    assert [token.content for token in tokens if token.level == 1 and token.type == "inline"][-1:] == ["After"]


@given(text=HOSTILE)
def test_whatever_a_tool_said_stays_in_its_block(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(fenced(text) + "\n\nafter\n")

    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
