"""Chat completions: what is sent, and the many ways in which vendors answer."""

import json
from dataclasses import replace
from typing import Any

import pytest

from llmgine_cli.errors import BadResponseError, UsageError
from llmgine_cli.llm.messages import (
    File,
    Image,
    Message,
    Reasoning,
    ResponseFormat,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    system,
    user,
)
from llmgine_cli.llm.stream import Reply, Usage
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.quirks import Quirk, SystemRole
from llmgine_cli.providers.vendor import Vendor
from tests.support.adapters import WEATHER, ask, provider, request
from tests.support.server import Answer, Events, FakeVendor, Fault

CALL = ToolCall(id="call_1", name="get_weather", arguments='{"city": "Paris"}')


async def sent(*messages: Message, vendor_name: str = "openai", **more: Any) -> dict[str, Any]:
    """The body that goes out."""
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("chat", vendor, request(*messages, **more), preset=VENDORS[vendor_name])
    body: dict[str, Any] = vendor.requests[0].body
    return body


async def answered(*chunks: dict[str, Any] | str) -> Reply:
    """The reply to a stream of chunks, the finish marker and what follows it added."""
    with FakeVendor([Events([*chunks, "data: [DONE]\n\n"])]) as vendor:
        return await ask("chat", vendor)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


# -- what is sent


async def test_plain_text_is_sent_as_text() -> None:
    body = await sent(system("be brief"), user("hi"), assistant("hello"), user("bye"))
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ]


async def test_only_what_was_asked_for_is_sent() -> None:
    assert set(await sent(user("hi"), stream=False)) == {"model", "messages"}
    body = await sent(user("hi"))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


async def test_images_go_as_data_or_as_their_address() -> None:
    message = Message(
        "user",
        (
            Text("what is this?"),
            Image(media_type="image/png", data=b"\x89PNG"),
            Image(media_type="image/png", url="https://x.test/a.png"),
        ),
    )
    body = await sent(message)
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
    ]


async def test_a_document_goes_as_a_file_and_a_text_file_as_text() -> None:
    message = Message(
        "user",
        (
            File(name="a.pdf", media_type="application/pdf", data=b"%PDF"),
            File(name="a.csv", media_type="text/csv", data=b"a,b"),
        ),
    )
    document, text = (await sent(message))["messages"][0]["content"]
    assert document == {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
    }
    assert text == {"type": "text", "text": '<file name="a.csv">\na,b\n</file>'}


async def test_the_name_of_a_text_file_cannot_end_its_quotation() -> None:
    message = Message("user", (File(name='a">\n.json', media_type="application/json", data=b"{}"),))
    (text,) = (await sent(message))["messages"][0]["content"]
    assert text["text"] == '<file name="a&quot;&gt;\n.json">\n{}\n</file>'


async def test_a_document_for_a_vendor_that_takes_none_is_an_error_with_a_way_out() -> None:
    message = Message("user", (File(name="a.pdf", media_type="application/pdf", data=b"%PDF"),))
    with pytest.raises(UsageError, match="groq takes no files"):
        await sent(message, vendor_name="groq")


async def test_tools_calls_and_results_go_in_their_places() -> None:
    body = await sent(
        user("weather?"),
        Message("assistant", (Text("Let me look."), CALL)),
        Message("tool", (ToolResult(call_id="call_1", name="get_weather", content="20 °C"),)),
        tools=[WEATHER],
    )
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "The weather now.",
                "parameters": WEATHER.parameters,
            },
        }
    ]
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "20 °C"},
    ]


async def test_a_failed_call_is_marked_in_its_result() -> None:
    result = ToolResult(call_id="call_1", name="get_weather", content="no such city", is_error=True)
    body = await sent(user("?"), Message("assistant", (CALL,)), Message("tool", (result,)))
    assert body["messages"][2]["content"] == "Error: no such city"
    assert body["messages"][1]["content"] is None


async def test_several_results_in_one_message_are_several_messages() -> None:
    results = tuple(ToolResult(call_id=f"c{n}", name="t", content=str(n)) for n in range(2))
    body = await sent(user("?"), Message("tool", results))
    assert [(m["role"], m["tool_call_id"]) for m in body["messages"][1:]] == [("tool", "c0"), ("tool", "c1")]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        ('{"a": ', '{"invalid_arguments":"{\\"a\\": "}'),
        ("[1]", '{"invalid_arguments":[1]}'),
    ],
)
async def test_arguments_that_are_no_object_go_back_as_one(arguments: str, shown: str) -> None:
    body = await sent(user("?"), Message("assistant", (ToolCall(id="c", name="t", arguments=arguments),)))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == shown


async def test_an_answer_cut_off_before_its_first_word_is_left_out() -> None:
    body = await sent(user("a"), Message("assistant", ()), Message("assistant", (Reasoning(text="hm"),)), user("b"))
    assert [message["content"] for message in body["messages"]] == ["a", "b"]


async def test_thoughts_are_not_sent_back() -> None:
    body = await sent(user("a"), Message("assistant", (Reasoning(text="secret"), Text("b"))), user("c"))
    assert "secret" not in str(body)


@pytest.mark.parametrize("thoughts", ["I must look", ""])
async def test_deepseek_gets_the_thoughts_before_a_call_back(thoughts: str) -> None:
    parts = ((Reasoning(text=thoughts),) if thoughts else ()) + (CALL,)
    body = await sent(user("?"), Message("assistant", parts), vendor_name="deepseek")
    assert body["messages"][1]["reasoning_content"] == thoughts


async def test_mistral_is_not_asked_for_usage() -> None:
    assert "stream_options" not in await sent(user("hi"), vendor_name="mistral")


@pytest.mark.parametrize("stream", [True, False])
async def test_gemini_gets_the_signature_of_a_call_back(stream: bool) -> None:
    signed = {"google": {"thought_signature": "EjQK"}}
    call = {"id": "c", "function": {"name": "get_weather", "arguments": "{}"}, "extra_content": signed}
    whole = {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "stop"}]}
    first = Events([chunk(tool_calls=[call]), chunk(finish="stop")]) if stream else Fault(200, body=encode(whole))
    gemini = VENDORS["gemini"]
    with FakeVendor([first, Answer("ok"), Answer("ok")]) as vendor:
        reply = await ask("chat", vendor, request("?", stream=stream, tools=[WEATHER]), preset=gemini)
        result = Message("tool", (ToolResult(call_id="c", name="get_weather", content="20"),))
        await ask("chat", vendor, request("?", reply.message, result), preset=gemini)
        await ask("chat", vendor, request("?", reply.message, result), preset=VENDORS["openai"])
    assert reply.reasoning == ""
    assert vendor.requests[1].body["messages"][1]["tool_calls"][0]["extra_content"] == signed
    assert "extra_content" not in str(vendor.requests[2].body)


# -- the system message


def with_role(role: SystemRole) -> Vendor:
    return replace(VENDORS["openai"], quirks=(Quirk(models="", system_role=role),))


async def said(vendor_row: Vendor, *messages: Message, **more: Any) -> list[dict[str, Any]]:
    with FakeVendor([Answer("ok")]) as vendor:
        await ask("chat", vendor, request(*messages, **more), preset=vendor_row)
    sent_messages: list[dict[str, Any]] = vendor.requests[0].body["messages"]
    return sent_messages


async def test_a_model_may_want_its_instructions_from_the_developer() -> None:
    assert await said(with_role("developer"), system("a"), user("b")) == [
        {"role": "developer", "content": "a"},
        {"role": "user", "content": "b"},
    ]


async def test_a_model_without_system_messages_hears_them_from_the_user() -> None:
    talk = (system("a"), system("b"), user("c"), assistant("d"), user("e"))
    assert await said(with_role("user"), *talk) == [
        {"role": "user", "content": "a\n\nb\n\nc"},
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": "e"},
    ]
    assert await said(with_role("user"), system("a")) == [{"role": "user", "content": "a\n\n"}]


async def test_the_form_of_the_answer_is_told_in_the_system_message() -> None:
    form = ResponseFormat(schema={"type": "object", "properties": {"x": {}}})
    first, second = await said(VENDORS["deepseek"], system("Be brief."), user("hi"), response_format=form)
    assert first["role"] == "system"
    assert first["content"].startswith("Be brief.\n\nAnswer with one JSON object")
    assert json.dumps(form.schema) in first["content"]
    assert second == {"role": "user", "content": "hi"}


# -- the official SDK's types take all of it


@pytest.mark.parametrize("model", ["gpt-4.1", "o3-mini", "gpt-5.4-mini", "gpt-3.5-turbo"])
@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0, "stop": ("x",), "top_p": 0.5, "seed": 1, "max_tokens": 9, "tool_choice": "get_weather"},
        {"reasoning_effort": "low", "tool_choice": "required", "parallel_tool_calls": False},
        {"response_format": ResponseFormat(schema={"type": "object", "properties": {"x": {"type": "string"}}})},
        {"response_format": ResponseFormat()},
    ],
)
async def test_the_official_types_take_it(model: str, more: dict[str, Any]) -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
    from pydantic import TypeAdapter

    body = await sent(user("hi"), model=model, tools=[WEATHER], **more)
    TypeAdapter(CompletionCreateParamsStreaming).validate_python(body)
    known = CompletionCreateParamsStreaming.__required_keys__ | CompletionCreateParamsStreaming.__optional_keys__
    assert body.keys() <= known


# -- how vendors answer


async def test_chunks_without_choices_or_delta_are_passed_over() -> None:
    reply = await answered(
        ": OPENROUTER PROCESSING\n\n",
        {"choices": [], "prompt_filter_results": []},
        {"choices": None},
        {"choices": [{"index": 0, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": None}]},
        chunk(role="assistant", content=None),
        chunk(content="hi"),
        chunk(finish="stop"),
    )
    assert (reply.text, reply.finish_reason) == ("hi", "stop")


async def test_fields_nobody_knows_are_passed_over() -> None:
    reply = await answered(chunk(content="hi", annotations=[{}], audio={"id": "x"}), chunk(finish="stop", padding="x"))
    assert reply.text == "hi"


async def test_fields_that_are_null_are_as_good_as_missing() -> None:
    nothing = {"tool_calls": None, "reasoning": None, "reasoning_content": None, "refusal": None, "role": None}
    usage = {"prompt_tokens": 5, "completion_tokens_details": {"reasoning_tokens": None}, "prompt_tokens_details": None}
    reply = await answered(
        {**chunk(content="hi", **nothing), "error": None, "usage": None, "id": None, "model": None},
        {**chunk(finish="stop", content=None, **nothing), "usage": usage},
    )
    assert (reply.text, reply.usage) == ("hi", Usage(input_tokens=5))


async def test_an_id_that_is_a_number_is_an_id() -> None:
    assert (await answered({**chunk(content="x"), "id": 7}, {**chunk(finish="stop"), "id": 7})).response_id == "7"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_thoughts_are_found_under_either_name(field: str) -> None:
    reply = await answered(chunk(**{field: "hm "}), chunk(**{field: "yes"}), chunk(content="42"), chunk(finish="stop"))
    assert (reply.reasoning, reply.text) == ("hm yes", "42")


async def test_content_in_parts_is_text_and_thoughts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    reply = await answered(
        chunk(content=[thinking]), chunk(content=[{"type": "text", "text": "42"}]), chunk(finish="stop")
    )
    assert (reply.reasoning, reply.text) == ("hm", "42")


async def test_a_refusal_is_text_and_the_reason() -> None:
    reply = await answered(chunk(refusal="I can"), chunk(refusal="not"), chunk(finish="stop"))
    assert (reply.text, reply.finish_reason) == ("I cannot", "refusal")


@pytest.mark.parametrize(
    ("finish", "ours"),
    [
        ("stop", "tool_calls"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("length", "length"),
    ],
)
async def test_calls_that_end_with_stop_are_tool_calls(finish: str, ours: str) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    assert (await answered(chunk(tool_calls=[call]), chunk(finish=finish))).finish_reason == ours


def piece(arguments: str | dict[str, Any] | None = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {**more, "function": {"name": name, "arguments": arguments}}


WANTED = [("f", '{"a": 1}'), ("g", '{"b": 2}')]


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [
                [piece("", "f", index=0, id="1")], [piece('{"a"', index=0)], [piece(": 1}", index=0)],
                [piece("", "g", index=1, id="2")], [piece('{"b": 2}', index=1)],
            ],
            id="in pieces",
        ),
        pytest.param(
            [
                [piece(None, "f", index=0, id="1"), piece(None, "g", index=1, id="2")],
                [piece('{"b"', index=1)], [piece('{"a"', index=0)], [piece(": 2}", index=1), piece(": 1}", index=0)],
            ],
            id="interleaved",
        ),
        pytest.param(
            [[piece('{"a": 1}', "f", index=0, id="1")], [piece('{"b": 2}', "g", index=1, id="2")]],
            id="whole",
        ),
        pytest.param(
            [[piece('{"a": 1}', "f", id="1"), piece('{"b": 2}', "g", id="2")]],
            id="whole, no index",
        ),
        pytest.param([[piece('{"a": 1}', "f"), piece('{"b": 2}', "g")]], id="whole, neither index nor id"),
        pytest.param(
            [[piece('{"a": 1}', "f", index=0, id="1")], [piece('{"b": 2}', "g", index=0, id="2")]],
            id="whole, all with index 0",
        ),
        pytest.param(
            [
                [piece("", "f", id="1")], [piece('{"a"')], [piece(": 1}")],
                [piece("", "g", id="2")], [piece('{"b"', id="2")], [piece(": 2}", id="2")],
            ],
            id="in pieces, no index",
        ),
        pytest.param(
            [
                [piece('{"a"', "f", index=0, id="1")], [piece(": 1}", "f", index=0, id="1")],
                [piece('{"b"', "g", index=1, id="2")], [piece(": 2}", "g", index=1, id="2")],
            ],
            id="name and id repeated",
        ),
        pytest.param(
            [[piece('{"a": 1}', "f", index=0, id="")], [piece('{"b": 2}', "g", index=1, id=None)]],
            id="no ids",
        ),
        pytest.param(
            [[piece('{"a": 1}', "f", index=3, id="1")], [piece('{"b": 2}', "g", index=7, id="2")]],
            id="other indexes",
        ),
    ],
)  # fmt: skip
async def test_tool_calls_are_put_together_however_they_come(deltas: list[list[dict[str, Any]]]) -> None:
    reply = await answered(*(chunk(tool_calls=delta) for delta in deltas), chunk(finish="tool_calls"))
    assert [(call.name, call.arguments) for call in reply.tool_calls] == WANTED
    assert len({call.id for call in reply.tool_calls}) == 2
    assert all(call.id for call in reply.tool_calls)


@pytest.mark.parametrize(
    ("arguments", "text"), [(None, "{}"), ("", "{}"), ({"a": 1}, '{"a":1}'), ("{broken", "{broken")]
)
async def test_arguments_are_text_whatever_comes(arguments: Any, text: str) -> None:
    reply = await answered(chunk(tool_calls=[piece(arguments, "f", index=0, id="1")]), chunk(finish="stop"))
    assert reply.tool_calls[0].arguments == text


async def test_a_call_without_a_name_calls_nothing() -> None:
    reply = await answered(chunk(tool_calls=[piece("{}", index=0, id="1")]), chunk(content="x"), chunk(finish="stop"))
    assert reply.tool_calls == ()


async def test_usage_is_taken_from_wherever_it_comes() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 0}}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, **details}
    expected = Usage(input_tokens=5, output_tokens=7, cached_tokens=3, reasoning_tokens=0)
    in_the_last_chunk = await answered(chunk(content="x"), {**chunk(finish="stop"), "usage": usage})
    in_a_chunk_after_it = await answered(chunk(content="x"), chunk(finish="stop"), {"choices": [], "usage": usage})
    in_every_chunk = await answered(
        {**chunk(content="x"), "usage": {"prompt_tokens": 1}}, {**chunk(finish="stop"), "usage": usage}
    )
    assert in_the_last_chunk.usage == in_a_chunk_after_it.usage == in_every_chunk.usage == expected


async def test_tokens_that_were_put_into_a_cache_are_counted() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cache_write_tokens": 4}}
    reply = await answered({**chunk(finish="stop"), "usage": usage})
    assert reply.usage == Usage(input_tokens=5, output_tokens=7, cache_write_tokens=4)


async def test_deepseeks_own_name_for_cached_tokens_is_known() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_cache_hit_tokens": 2, "prompt_cache_miss_tokens": 3}
    assert (await answered({**chunk(finish="stop"), "usage": usage})).usage.cached_tokens == 2


async def test_a_stream_that_ends_without_done_but_with_a_reason_is_whole() -> None:
    with FakeVendor([Events([chunk(content="hi"), chunk(finish="stop")])]) as vendor:
        assert (await ask("chat", vendor)).text == "hi"


async def test_silence_after_the_finish_marker_costs_nothing_but_time() -> None:
    with FakeVendor([Events([chunk(content="hi"), chunk(finish="stop")], then="silence")]) as vendor:
        assert (await ask("chat", vendor, idle_timeout=0.2)).text == "hi"


async def test_a_connection_left_open_after_done_is_not_waited_for() -> None:
    with FakeVendor([Events([chunk(finish="stop"), "data: [DONE]\n\n"], then="silence")]) as vendor:
        assert (await ask("chat", vendor, idle_timeout=600)).finish_reason == "stop"


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "upstream died", "code": 502}},
        {**chunk(finish="error"), "error": {"message": "upstream died", "code": 502}},
        {"object": "error", "message": "upstream died", "code": 502},
        {"error": "upstream died"},
        {"error": {"message": "upstream died"}, "choices": []},
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_object_is_an_error_in_any_shape(error: dict[str, Any], stream: bool) -> None:
    script = Events([chunk(content="x"), error]) if stream else Fault(200, body=encode(error))
    with FakeVendor([script]) as vendor, pytest.raises(BadResponseError, match="upstream died"):
        await ask("chat", vendor, request(stream=stream))


async def test_a_model_list_without_envelope_is_read() -> None:
    missing = Fault(404, "model not found: gpt-os")
    lookup = Fault(200, body='[{"id": "openai/gpt-oss"}, {"id": "models/gemini-x"}]')
    with FakeVendor([missing], lookup=lookup) as vendor, pytest.raises(Exception, match="no such model") as caught:
        await ask("chat", vendor, request(model="openai/gpt-os"))
    assert getattr(caught.value, "hint", None) == "did you mean openai/gpt-oss?"


async def test_the_event_of_a_piece_is_given_before_the_next_piece_has_come() -> None:
    """A stream that were collected first would wait here for ever."""
    with FakeVendor([Answer("one", then="silence")]) as vendor:
        async with provider("chat", vendor.url) as made:
            stream = made.stream(request())
            assert type(await anext(stream)).__name__ == "TextDelta"
            await stream.aclose()


async def test_a_vendor_of_the_users_own_gets_its_headers() -> None:
    with FakeVendor([Answer("x")]) as vendor:
        mine = replace(VENDORS["openai"], name="acme", headers={"X-Team": "blue"})
        await ask("chat", vendor, preset=mine)
    assert vendor.requests[0].headers["x-team"] == "blue"
    assert vendor.requests[0].headers["authorization"].startswith("Bearer ")


async def test_without_a_key_no_authorization_is_sent() -> None:
    with FakeVendor([Answer("x")]) as vendor:
        await ask("chat", vendor, key=None)
    assert "authorization" not in vendor.requests[0].headers


def encode(value: Any) -> str:
    return json.dumps(value)
