"""Traces, as a collector on the loopback receives them from the real program."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.eventlog.times import from_text
from tests.support.collector import Collector, Received
from tests.support.facts import logged, wait_until
from tests.support.program import Program
from tests.support.server import Answer, FakeVendor, Fault, ToolCalls, dead_url

KEY = "sk-proj-" + "0123456789abcdefghijABCD" * 2
INTERNAL, CLIENT = 1, 3
OK = 0
ERROR = 2


def variables(vendor: FakeVendor, collector: Collector | str, **more: str | None) -> Mapping[str, str | None]:
    where = collector if isinstance(collector, str) else collector.url
    return {
        "OPENAI_BASE_URL": vendor.url,
        "OPENAI_API_KEY": KEY,
        "OTEL_EXPORTER_OTLP_ENDPOINT": where,
        "LLMGINE_LOG__SINKS": "jsonl,otel",
        **more,
    }


def one(spans: list[Received]) -> Received:
    (span,) = spans
    return span


def moment(event: Mapping[str, Any]) -> int:
    return from_text(event["timestamp"])


def ends(event: Mapping[str, Any], span: Received) -> bool:
    """Whether a span is as long as the finishing event says, to the microsecond of a float's milliseconds."""
    return bool(abs((span.end - span.start) - event["duration_ms"] * 1e6) < 1000)


def test_a_turn_with_a_tool_is_a_tree_of_spans_with_the_times_of_the_events(cli: Program, home: Path) -> None:
    script = [ToolCalls(("calculate", {"expression": "6*7"})), Answer("It is 42.")]
    with Collector() as collector, FakeVendor(script) as vendor:
        done = cli(
            *(
                "run",
                "-m",
                "openai:gpt-5-mini",
                "-T",
                "calculate",
                "--approve",
                "all",
                "-o",
                "temperature",
                "0",
                "six by seven",
            ),
            env=variables(vendor, collector),
        )
    assert (done.stdout, done.code) == ("It is 42.\n", 0), done.stderr

    run = one(collector.named("invoke_agent"))
    first, second = collector.named("chat gpt-5-mini")
    tool = one(collector.named("execute_tool calculate"))
    assert len(collector.spans) == 4
    assert {span.trace for span in collector.spans} == {run.trace}
    assert run.parent == ""
    assert {first.parent, second.parent, tool.parent} == {run.id}
    assert [run.kind, first.kind, tool.kind] == [INTERNAL, CLIENT, INTERNAL]
    assert {span.status for span in collector.spans} == {OK}

    started, finished = logged(home, "LLMCallStarted"), logged(home, "LLMCallFinished")
    assert [first.start, second.start] == [moment(event) for event in started]
    assert ends(finished[0], first)
    assert ends(finished[1], second)
    assert tool.start == moment(logged(home, "ToolCallStarted")[0])
    assert ends(logged(home, "ToolCallFinished")[0], tool)
    assert run.start == moment(logged(home, "CommandStarted")[0])
    assert ends(logged(home, "CommandFinished")[-1], run)

    session = started[0]["session_id"]
    assert {span.attributes["gen_ai.conversation.id"] for span in collector.spans} == {session}
    usage = finished[1]["reply"]["usage"]
    assert second.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.conversation.id": session,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.id": finished[1]["reply"]["response_id"],
        "gen_ai.response.model": finished[1]["reply"]["model"],
        "gen_ai.response.time_to_first_chunk": finished[1]["first_token_ms"] / 1000,
        "gen_ai.usage.input_tokens": usage["input_tokens"],
        "gen_ai.usage.output_tokens": usage["output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
    }
    assert first.attributes["gen_ai.response.finish_reasons"] == ["tool_call"]
    assert tool.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "calculate",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": logged(home, "ToolCallStarted")[0]["call"]["id"],
        "gen_ai.conversation.id": session,
    }
    assert run.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert run.resource["service.name"] == "llmgine"
    assert collector.paths[0] == "/v1/traces"


def test_what_was_said_stays_here_unless_it_is_asked_for(cli: Program) -> None:
    script = [ToolCalls(("calculate", {"expression": "6*7"})), Answer("the answer")]
    command = (
        "run",
        "-m",
        "openai:gpt-5-mini",
        "-T",
        "calculate",
        "--approve",
        "all",
        "-s",
        "be brief",
        "the question",
    )
    with Collector() as collector, FakeVendor(script) as vendor:
        cli(*command, env=variables(vendor, collector))
    attributes = json.dumps([span.attributes for span in collector.spans])
    assert not [word for word in ("question", "answer", "brief", "6*7") if word in attributes]

    with Collector() as collector, FakeVendor(script) as vendor:
        cli(*command, env=variables(vendor, collector, LLMGINE_SINKS='{"otel": {"content": true}}'))
    _, second = collector.named("chat gpt-5-mini")
    assert json.loads(second.attributes["gen_ai.system_instructions"]) == [{"type": "text", "content": "be brief"}]
    told = json.loads(second.attributes["gen_ai.input.messages"])
    assert [(message["role"], message["parts"][0]["type"]) for message in told] == [
        ("user", "text"),
        ("assistant", "tool_call"),
        ("tool", "tool_call_response"),
    ]
    assert json.loads(second.attributes["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "the answer"}], "finish_reason": "stop"}
    ]
    tool = one(collector.named("execute_tool calculate"))
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"]) == {"expression": "6*7"}
    assert tool.attributes["gen_ai.tool.call.result"] == "42"


def test_a_failure_is_an_error_with_its_type(cli: Program, home: Path) -> None:
    with Collector() as collector, FakeVendor([Fault(401, "Incorrect API key provided")]) as vendor:
        done = cli("run", "-m", "openai:gpt-5-mini", "hi", env=variables(vendor, collector))
    call, run = one(collector.named("chat gpt-5-mini")), one(collector.named("invoke_agent"))
    failed = logged(home, "LLMCallFailed")[0]
    assert done.code == 3
    assert (call.status, call.message) == (ERROR, "CredentialsError")
    assert call.attributes["error.type"] == run.attributes["error.type"] == failed["error_type"] == "CredentialsError"
    assert run.status == ERROR


@pytest.mark.parametrize("content", [False, True])
def test_the_text_of_an_error_that_quotes_the_prompt_is_content(cli: Program, home: Path, content: bool) -> None:
    options = json.dumps({"otel": {"content": content}})
    with Collector() as collector, FakeVendor([Fault(400, "no answer to: the question")]) as vendor:
        cli("run", "-m", "openai:gpt-5-mini", "the question", env=variables(vendor, collector, LLMGINE_SINKS=options))
    call, run = one(collector.named("chat gpt-5-mini")), one(collector.named("invoke_agent"))
    failed = logged(home, "LLMCallFailed")[0]
    assert "the question" in failed["error"]
    assert call.message == (failed["error"] if content else failed["error_type"])
    assert ("the question" in repr((call, run))) is content


def test_a_tool_that_was_refused_has_a_span_too(cli: Program) -> None:
    script = [ToolCalls(("calculate", {"expression": "1"})), Answer("well")]
    with Collector() as collector, FakeVendor(script) as vendor:
        done = cli(
            *("run", "-m", "openai:gpt-5-mini", "-T", "calculate", "hi"),
            env=variables(vendor, collector, LLMGINE_TOOLS__APPROVE="none"),
        )
    tool = one(collector.named("execute_tool calculate"))
    assert done.code == 4
    assert (tool.status, tool.attributes["error.type"]) == (ERROR, "denied")
    assert tool.end == tool.start


def test_spans_of_an_interrupted_answer_are_ended(cli: Program) -> None:
    with Collector() as collector, FakeVendor([Answer("begun", then="silence")]) as vendor:
        with cli.start("run", "-m", "openai:gpt-5-mini", "hi", env=variables(vendor, collector)) as process:
            assert process.stdout is not None
            assert process.stdout.read(5) == b"begun"
            process.send_signal(signal.SIGINT)
            assert process.wait() == 130
        call, run = one(collector.named("chat gpt-5-mini")), one(collector.named("invoke_agent"))
    assert call.attributes["error.type"] == run.attributes["error.type"] == "interrupted"
    assert call.parent == run.id
    assert call.end >= call.start


def test_keys_never_reach_the_collector(cli: Program) -> None:
    options = '{"otel": {"content": true}}'
    with Collector() as collector, FakeVendor([Answer(f"so it is {KEY}")]) as vendor:
        cli(
            *("run", "-m", "openai:gpt-5-mini", f"my key is {KEY}"),
            env=variables(vendor, collector, LLMGINE_SINKS=options),
        )
    everything = repr([(span, span.resource) for span in collector.spans])
    assert KEY not in everything
    assert "[redacted]" in one(collector.named("chat gpt-5-mini")).attributes["gen_ai.input.messages"]
    assert "so it is [redacted]" in one(collector.named("chat gpt-5-mini")).attributes["gen_ai.output.messages"]


@pytest.mark.parametrize("where", ["dead", "hanging", "refusing"])
def test_a_collector_that_takes_nothing_costs_one_warning_and_nothing_else(cli: Program, where: str) -> None:
    with (
        Collector(status=401 if where == "refusing" else 200, hangs=where == "hanging") as collector,
        FakeVendor([Answer("the answer")]) as vendor,
    ):
        url = dead_url().removesuffix("/v1") if where == "dead" else collector.url
        done = cli("run", "-m", "openai:gpt-5-mini", "hi", env=variables(vendor, url))
    assert (done.stdout, done.code) == ("the answer\n", 0)
    assert done.stderr.count("\n") == 1, done.stderr
    assert "sink 'otel'" in done.stderr
    assert url in done.stderr


def test_headers_and_names_come_from_the_standard_variables_and_the_settings(cli: Program, home: Path) -> None:
    (home / "config").mkdir()
    with Collector() as collector, FakeVendor([Answer("ok")]) as vendor:
        table = (
            f'[log]\nsinks = ["otel"]\n[sinks.otel]\nendpoint = "{collector.url}"\nheaders = {{ "X-Own" = "mine" }}\n'
        )
        (home / "config" / "config.toml").write_text(table)
        cli(
            *("run", "-m", "openai:gpt-5-mini", "hi"),
            env={
                **variables(vendor, "http://127.0.0.1:9"),
                "LLMGINE_LOG__SINKS": None,
                "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=t1",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
                "OTEL_SERVICE_NAME": "nightly",
            },
        )
    assert collector.headers["x-own"] == "mine"
    assert collector.headers["x-tenant"] == "t1"
    assert collector.spans[0].resource["service.name"] == "nightly"
    assert logged(home) == []  # the log is a sink as well, and was not named


@pytest.mark.parametrize("file", ["llmgine.toml", ".env"])
def test_a_folder_cannot_say_where_traces_go(cli: Program, file: str) -> None:
    with Collector() as collector, Collector() as stranger, FakeVendor([Answer("ok"), Answer("ok")]) as vendor:
        text = {
            "llmgine.toml": f'[log]\nsinks = ["otel"]\n[sinks.otel]\nendpoint = "{stranger.url}"\ncontent = true\n',
            ".env": f"OTEL_EXPORTER_OTLP_ENDPOINT={stranger.url}\nLLMGINE_LOG__SINKS=otel\n",
        }
        Path(file).write_text(text[file])
        done = cli(
            "run", "-m", "openai:gpt-5-mini", "hi", env={**variables(vendor, collector), "LLMGINE_LOG__SINKS": ""}
        )
        again = cli("run", "-m", "openai:gpt-5-mini", "hi", env=variables(vendor, collector))
    assert done.code == again.code == 0
    assert stranger.spans == []
    assert len(collector.spans) == 2
    assert "sinks" in done.stderr.lower()
    assert "ignored" in done.stderr


def test_the_missing_extra_is_told_with_the_way_to_get_it(cli: Program, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'opentelemetry':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    done = cli("run", "-m", "echo:echo", "hi", env={"PYTHONPATH": str(hidden), "LLMGINE_LOG__SINKS": "jsonl,otel"})
    assert (done.stdout, done.code) == ("hi\n", 0)
    assert done.stderr == (
        "warning: sink 'otel' is off: OpenTelemetry is not installed (pip install 'llmgine-cli[otel]')\n"
    )


def test_a_trace_is_sent_while_a_chat_goes_on(cli: Program) -> None:
    with Collector() as collector, FakeVendor([Answer("one")]) as vendor:
        environment = variables(vendor, collector, OTEL_BSP_SCHEDULE_DELAY="50")
        with cli.start("chat", "-m", "openai:gpt-5-mini", env=environment, stdin=-1) as process:
            assert process.stdin is not None
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            wait_until(lambda: collector.named("invoke_agent"))
            assert process.poll() is None
            process.stdin.close()
            assert process.wait() == 0
