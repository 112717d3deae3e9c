import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.prompting.sections import Section, join, replace_markers, split


def test_a_body_without_markers_is_one_message_of_the_user() -> None:
    assert split("\n\nHello\n\nthere\n") == (Section("user", "Hello\n\nthere"),)


def test_markers_split_a_body_into_messages() -> None:
    body = "# system:\nBe brief.\n\n# user:\nHi\n# assistant:\nHello.\n# user:\nBye\n"
    assert split(body) == (
        Section("system", "Be brief."),
        Section("user", "Hi"),
        Section("assistant", "Hello."),
        Section("user", "Bye"),
    )


def test_text_before_the_first_marker_is_a_message_of_the_user() -> None:
    assert split("Hi\n# assistant:\nHello") == (Section("user", "Hi"), Section("assistant", "Hello"))


def test_messages_without_text_are_left_out() -> None:
    assert split("\n# system:\n   \n# user:\n\n") == ()


def test_the_indent_of_the_first_line_and_the_last_space_are_kept() -> None:
    assert split("# user:\n\n    code\nAnswer: \n\n") == (Section("user", "    code\nAnswer: "),)


@pytest.mark.parametrize(
    "line",
    ["#system:", "# System:", " # system:", "## system:", "# system", "# system: be brief", "# tool:", "> # user:"],
)
def test_a_line_that_is_not_exactly_a_marker_is_text(line: str) -> None:
    assert split(line + "\nx") == (Section("user", line + "\nx"),)


@pytest.mark.parametrize(
    "block",
    [
        "```\n# user:\n```",
        "```markdown\n# user:\n```",
        "~~~\n# user:\n~~~",
        "````\n```\n# user:\n```\n````",
        "```\n~~~\n# user:\n```",
        "  ```\n# user:\n  ```",
        "```\n# user:\nnever closed",
    ],
)
def test_a_marker_in_a_fenced_block_is_text(block: str) -> None:
    assert split(block) == (Section("user", block),)


def test_a_marker_after_a_fenced_block_counts() -> None:
    assert split("```\n# user:\n```\n# assistant:\nx")[-1] == Section("assistant", "x")


def test_inline_code_that_looks_like_a_fence_opens_nothing() -> None:
    assert split("```a``` b\n# assistant:\nx") == (Section("user", "```a``` b"), Section("assistant", "x"))


def test_markers_can_be_written_in_another_way() -> None:
    assert replace_markers("a\n# user:\n```\n# user:\n```", lambda role: f"<{role}>") == "a\n<user>\n```\n# user:\n```"


def test_one_message_of_the_user_is_joined_as_its_bare_text() -> None:
    assert join([Section("user", "Hi")]) == "Hi"
    assert join([Section("system", "Hi")]) == "# system:\nHi"


_TEXT = st.text(alphabet="ab \n{}", min_size=1).filter(
    lambda text: bool(text.split("\n")[0].strip()) and bool(text.split("\n")[-1].strip())
)


@settings(deadline=None)
@given(st.lists(st.builds(Section, st.sampled_from(["system", "user", "assistant"]), _TEXT)))
def test_splitting_what_was_joined_gives_the_same_messages(sections: list[Section]) -> None:
    assert split(join(sections)) == tuple(sections)
