import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.llm.messages import (
    File,
    Image,
    Message,
    ModelOptions,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)

PARTS = st.one_of(
    st.builds(Text, st.text()),
    st.builds(Image, media_type=st.just("image/png"), data=st.binary()),
    st.builds(Image, media_type=st.just("image/png"), url=st.just("https://example.org/a.png")),
    st.builds(File, name=st.text(), media_type=st.just("application/pdf"), data=st.binary()),
    st.builds(ToolCall, id=st.text(), name=st.text(), arguments=st.text()),
    st.builds(ToolResult, call_id=st.text(), name=st.text(), content=st.text(), is_error=st.booleans()),
    st.builds(Reasoning, text=st.text(), signature=st.none() | st.text(), redacted=st.none() | st.text()),
)


@settings(deadline=None)
@given(st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(PARTS).map(tuple))
def test_a_message_comes_back_from_json_as_it_was(role: str, parts: tuple[Text, ...]) -> None:
    message = Message(role, parts)  # type: ignore[arg-type]
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message


def test_the_text_of_a_message_is_its_text_parts_joined() -> None:
    call = ToolCall(id="1", name="t")
    message = Message("assistant", (Reasoning(text="hm"), Text("a"), call, Text("b")))
    assert message.text == "ab"
    assert message.tool_calls == (call,)


def test_the_short_forms_make_plain_messages() -> None:
    assert [message.role for message in (system("a"), user("a"), assistant("a"))] == ["system", "user", "assistant"]
    assert user("a").parts == (Text("a"),)


@pytest.mark.parametrize("value", [user("a"), Text("a"), ModelOptions(), ToolCall(id="1", name="t")])
def test_nothing_of_a_conversation_can_be_changed(value: msgspec.Struct) -> None:
    for name in value.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(value, name, "changed")


def test_zero_is_a_value_and_none_is_not_said() -> None:
    assert ModelOptions(temperature=0).temperature == 0
    assert ModelOptions().temperature is None
    assert ModelOptions().extra is not ModelOptions().extra
