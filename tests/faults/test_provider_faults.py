"""What vendors, networks and proxies do to a run of the real program: one clear line, the right code, nothing lost.

What each fault is in the events of an adapter is told in tests/providers; here it goes through everything to the user.
"""

import gzip
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.facts import logged, wait_until
from tests.support.program import PROGRAM, Completed, Program
from tests.support.server import Answer, Events, FakeVendor, Fault, Silence, ToolCalls, dead_url, html
from tests.support.terminal import Terminal
from tests.support.tunnel import CERTIFICATE, Dripping, Tunnel
from tests.support.wire import Chat, Messages

KEY = "sk-test-0123456789"


@dataclass(frozen=True)
class Wire:
    """A wire protocol, and the vendor whose program speaks it here."""

    vendor: str
    model: str
    wire: type[Chat] | type[Messages]

    def env(self, url: str, **more: str | None) -> dict[str, str | None]:
        """The variables that lead to a server."""
        name = self.vendor.upper()
        return {f"{name}_API_KEY": KEY, f"{name}_BASE_URL": url, **more}

    def words(self, *words: str) -> list[str]:
        """The words of a run."""
        return ["run", "-m", f"{self.vendor}:{self.model}", *words, "hi"]


WIRES = (Wire("openai", "gpt-4.1", Chat), Wire("anthropic", "claude-sonnet-5-5", Messages))
OPENAI, ANTHROPIC = WIRES
each_wire = pytest.mark.parametrize("wire", WIRES, ids=[wire.vendor for wire in WIRES])


def run(
    cli: Program, wire: Wire, *script: Any, words: tuple[str, ...] = ("--retries", "0"), **vendor: Any
) -> Completed:
    """Run the program against a vendor that says what the script has."""
    with FakeVendor(script, **vendor) as server:
        return cli(*wire.words(*words), env=wire.env(server.url))


def only_line(done: Completed, code: int) -> str:
    """The one line on stderr that says what went wrong."""
    assert done.code == code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("llmgine: ")
    return line.removeprefix("llmgine: ")


def kept(home: Path) -> str:
    """The part of the answer that the log has of the one call that failed."""
    (failed,) = logged(home, "LLMCallFailed")
    assert logged(home)[-1]["event_type"] == "SessionEnded"
    return "".join(part["text"] for part in failed["partial"]["parts"])


# -- slow, silent, cut off


@each_wire
def test_headers_that_never_come_end_after_the_time_limit(cli: Program, home: Path, wire: Wire) -> None:
    done = run(cli, wire, Silence(), words=("--retries", "0", "--timeout", "0.4"))
    assert only_line(done, 1).startswith(f"{wire.vendor} has said nothing for 0.4 s (")
    assert (done.stdout, kept(home)) == ("", "")


def test_headers_that_drip_without_end_end_after_the_time_limit(cli: Program) -> None:
    with Dripping() as server:
        done = cli(*OPENAI.words("--retries", "0", "--timeout", "0.4"), env=OPENAI.env(server.url))
        assert only_line(done, 1).startswith("openai has said nothing for 0.4 s (")
        assert server.hung_up.wait(20)


@each_wire
def test_silence_between_chunks_ends_after_the_time_limit_with_what_had_come(
    cli: Program, home: Path, wire: Wire
) -> None:
    done = run(cli, wire, Answer("one two", then="silence"), words=("--timeout", "0.6"))
    assert "has said nothing for 0.6 s" in only_line(done, 1)
    assert (done.stdout.strip(), kept(home)) == ("one two", "one two")


@each_wire
@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("cut", "broke in the middle of the answer"),
        ("end", "cut off"),
        ("garbage", "protocol does not allow"),
        ("error", "the model crashed"),
    ],
)
def test_an_answer_that_goes_wrong_in_mid_stream_is_kept_as_far_as_it_came(
    cli: Program, home: Path, wire: Wire, then: Any, said: str
) -> None:
    with FakeVendor([Answer("one two", then=then), Answer("never asked for")]) as vendor:
        done = cli(*wire.words(), env=wire.env(vendor.url))
        assert len(vendor.requests) == 1  # what was shown is not asked for again
    assert said in only_line(done, 1)
    assert (done.stdout.strip(), kept(home)) == ("one two", "one two")


# -- strange, but an answer


def twice_finished(wire: Wire) -> Events:
    """A stream whose finish marker comes twice."""
    protocol, answer = wire.wire({"model": "m"}, 1), Answer("one two")
    *before, last = protocol.ending(answer)
    return Events([*protocol.events(answer), *before, *before, last, last])


@each_wire
def test_a_finish_marker_that_comes_twice_changes_nothing(cli: Program, home: Path, wire: Wire) -> None:
    done = run(cli, wire, twice_finished(wire))
    assert (done.code, done.stdout, done.stderr) == (0, "one two\n", "")
    (finished,) = logged(home, "LLMCallFinished")
    assert finished["reply"]["finish_reason"] == "stop"


@each_wire
def test_a_compressed_stream_is_read(cli: Program, wire: Wire) -> None:
    protocol, answer = wire.wire({"model": "m"}, 1), Answer("Grüße aus Łódź")
    body = gzip.compress(b"".join([*protocol.events(answer), *protocol.ending(answer)]))
    fault = Fault(200, body=body, content_type="text/event-stream", headers={"Content-Encoding": "gzip"})
    done = run(cli, wire, fault)
    assert (done.code, done.stdout, done.stderr) == (0, "Grüße aus Łódź\n", "")


@each_wire
def test_ten_megabytes_in_one_chunk_are_an_answer(cli: Program, wire: Wire) -> None:
    text = "0123456789abcdef" * (10 * 2**20 // 16)
    done = run(cli, wire, Answer(text, chunks=1))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.rstrip("\n") == text


# -- no answer


@each_wire
def test_a_web_page_with_a_good_status_is_no_answer(cli: Program, home: Path, wire: Wire) -> None:
    line = only_line(run(cli, wire, html()), 1)
    assert "sent a web page instead of an answer" in line
    assert "right base URL" in line
    assert kept(home) == ""


@each_wire
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_variable(cli: Program, wire: Wire, status: int) -> None:
    line = only_line(run(cli, wire, Fault(status, "invalid key", "authentication_error")), 3)
    assert line.startswith(f"{wire.vendor} refused the key: invalid key")
    assert f"{wire.vendor.upper()}_API_KEY (set in the environment)" in line


@each_wire
def test_an_unknown_model_comes_with_the_nearest_of_the_vendors_own(cli: Program, wire: Wire) -> None:
    fault = Fault(404, f"The model {wire.model} does not exist", "not_found_error", "model_not_found")
    line = only_line(run(cli, wire, fault, models=[f"{wire.model}-2026", "something-else"]), 1)
    assert f"has no such model: The model {wire.model} does not exist" in line
    assert f"(did you mean {wire.model}-2026?)" in line


OPENAI_OVERFLOW = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens. "
    "Please reduce the length of the messages."
)


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (OPENAI, Fault(400, OPENAI_OVERFLOW, "invalid_request_error", "context_length_exceeded")),
        (ANTHROPIC, Fault(400, "prompt is too long: 10000 tokens > 8192 maximum", "invalid_request_error")),
    ],
    ids=["openai", "anthropic"],
)
def test_a_conversation_that_is_too_long_says_by_how_much(cli: Program, wire: Wire, fault: Fault) -> None:
    assert only_line(run(cli, wire, fault), 1) == (
        f"the conversation has 10000 tokens, and {wire.model} takes 8192 at most "
        "(that is 1808 too many: shorten it, start a new one, or take a larger model)"
    )


# -- rate limits


def limited(after: str) -> Fault:
    return Fault(429, "slow down", "rate_limit_error", headers={"Retry-After": after})


def past() -> str:
    return format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)


@each_wire
@pytest.mark.parametrize("after", ["0", "0.1", pytest.param(past(), id="date")])
def test_a_rate_limit_is_waited_out_and_told(cli: Program, home: Path, wire: Wire, after: str) -> None:
    done = run(cli, wire, limited(after), Answer("here"), words=())
    assert (done.code, done.stdout) == (0, "here\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{wire.vendor} wants us to slow down (429): slow down; trying again in ")
    assert line.endswith(" s (2 of 3)")
    (failed,) = logged(home, "LLMAttemptFailed")
    assert (failed["status"], failed["error_type"], failed["attempt"]) == (429, "RateLimitedError", 1)


@each_wire
@pytest.mark.parametrize(
    ("after", "told"),
    [
        ("86400000", "1000 days"),
        pytest.param(format_datetime(datetime.now(UTC) + timedelta(days=400), usegmt=True), "400 days", id="date"),
    ],
)
def test_an_absurd_waiting_time_is_not_waited_out(cli: Program, wire: Wire, after: str, told: str) -> None:
    with FakeVendor([limited(after), Answer("never asked for")]) as vendor:
        line = only_line(cli(*wire.words(), env=wire.env(vendor.url)), 1)
        assert len(vendor.requests) == 1
    assert f"it asks us to wait {told} (" in line
    assert "60 s of retry_after_cap" in line


@each_wire
def test_a_vendor_that_stays_down_is_asked_as_often_as_it_says(cli: Program, home: Path, wire: Wire) -> None:
    with FakeVendor(always=Fault(503, "overloaded")) as vendor:
        done = cli(*wire.words("--retries", "1"), env=wire.env(vendor.url))
        assert len(vendor.requests) == 2
    first, last = done.stderr.splitlines()
    assert done.code == 1
    assert first.endswith("(2 of 2)")
    assert last.startswith(f"llmgine: {wire.vendor} answered with an error (503): overloaded")
    assert len(logged(home, "LLMAttemptFailed")) == len(logged(home, "LLMCallFailed")) == 1


# -- the way there


def test_a_server_that_is_not_there_is_tried_again_and_named(cli: Program) -> None:
    url = dead_url()
    done = cli(*OPENAI.words("--retries", "1"), env=OPENAI.env(url))
    first, last = done.stderr.splitlines()
    assert (done.code, done.stdout) == (1, "")
    assert "trying again" in first
    assert last.startswith(f"llmgine: openai cannot be reached at {url}: ")
    assert last.endswith("(is the server running?)")


def test_a_host_that_nobody_knows_is_named_and_not_tried_again(cli: Program) -> None:
    line = only_line(cli(*OPENAI.words(), env=OPENAI.env("http://nobody.invalid/v1")), 1)
    assert line.startswith("openai cannot be reached: there is no host named nobody.invalid (")
    assert "http://nobody.invalid/v1" in line


def test_a_certificate_that_is_not_trusted_says_what_to_do_and_then_that_works(cli: Program) -> None:
    with FakeVendor([Answer("hello")]) as vendor, Tunnel(urlsplit(vendor.url).port or 0, tls=True) as tunnel:
        url = f"https://127.0.0.1:{tunnel.port}/v1"
        line = only_line(cli(*OPENAI.words(), env=OPENAI.env(url)), 1)
        assert line.startswith(f"openai cannot be reached at {url}: its certificate is not trusted (self-signed")
        assert "SSL_CERT_FILE" in line
        assert (tunnel.connections, vendor.requests) == (1, [])
        done = cli(*OPENAI.words(), env=OPENAI.env(url, SSL_CERT_FILE=str(CERTIFICATE)))
    assert (done.code, done.stdout, done.stderr) == (0, "hello\n", "")


def test_a_server_that_speaks_no_tls_is_told_from_one_that_is_not_there(cli: Program) -> None:
    with Dripping() as server:  # which answers whatever it is sent
        line = only_line(cli(*OPENAI.words(), env=OPENAI.env(server.url.replace("http:", "https:"))), 1)
    assert "is it http:// rather than https://?" in line


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_is_used(cli: Program, variable: str) -> None:
    with FakeVendor([Answer("hello")]) as vendor, Tunnel(urlsplit(vendor.url).port or 0, proxy=True) as proxy:
        variables = OPENAI.env("http://acme.test/v1", **{variable: f"http://127.0.0.1:{proxy.port}"})
        done = cli(*OPENAI.words(), env=variables)
        assert proxy.asked == ["POST http://acme.test/v1/chat/completions HTTP/1.1"]
    assert (done.code, done.stdout, done.stderr) == (0, "hello\n", "")


def test_https_goes_through_a_proxy_that_sees_nothing_of_it(cli: Program) -> None:
    with (
        FakeVendor([Answer("hello")]) as vendor,
        Tunnel(urlsplit(vendor.url).port or 0, tls=True) as tls,
        Tunnel(tls.port, proxy=True) as proxy,
    ):
        variables = OPENAI.env(
            "https://acme.test/v1", HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}", SSL_CERT_FILE=str(CERTIFICATE)
        )
        done = cli(*OPENAI.words(), env=variables)
        assert proxy.asked == ["CONNECT acme.test:443 HTTP/1.1"]
    assert (done.code, done.stdout, done.stderr) == (0, "hello\n", "")


@pytest.mark.parametrize(("scheme", "variable"), [("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY")])
def test_a_proxy_that_is_not_there_is_named_without_its_password(cli: Program, scheme: str, variable: str) -> None:
    address = dead_url().removeprefix("http://").removesuffix("/v1")
    variables = OPENAI.env(f"{scheme}://acme.test/v1", **{variable: f"http://me:hunter2@{address}"})
    line = only_line(cli(*OPENAI.words("--retries", "0"), env=variables), 1)
    assert line.startswith(f"openai cannot be reached through the proxy http://{address}: ")
    assert f"{variable} names it" in line
    assert "hunter2" not in line


def test_a_proxy_that_lets_nobody_through_is_not_asked_again(cli: Program) -> None:
    with FakeVendor() as vendor, Tunnel(urlsplit(vendor.url).port or 0, proxy=True, refuse="403 Forbidden") as proxy:
        variables = OPENAI.env("https://acme.test/v1", HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}")
        line = only_line(cli(*OPENAI.words(), env=variables), 1)
        assert len(proxy.asked) == 1
    assert f"through the proxy http://127.0.0.1:{proxy.port}: 403 Forbidden" in line


# -- a server that dies between two turns of a tool loop

OUTAGE = """
import time
from pathlib import Path

def outage() -> str:
    '''Wait until the server is gone.'''
    while not Path({down!r}).exists():
        time.sleep(0.005)
    return 'the result'
"""


@each_wire
def test_a_server_that_dies_in_a_tool_loop_leaves_a_conversation_to_go_on_with(
    cli: Program, home: Path, tmp_path: Path, wire: Wire
) -> None:
    down, tool = tmp_path / "down", tmp_path / "outage.py"
    tool.write_text(OUTAGE.format(down=str(down)))
    words = wire.words("--retries", "0", "-T", str(tool), "--approve", "all")
    with FakeVendor([ToolCalls(("outage", {}), text="Let me see.")]) as vendor:
        process = cli.start(*words, env=wire.env(vendor.url))
        wait_until(lambda: logged(home, "ToolCallStarted"))
    down.touch()
    with process:
        stdout, stderr = process.communicate()
    assert process.returncode == 1
    assert stdout.decode().strip() == "Let me see."
    assert stderr.decode().splitlines()[-1].startswith(f"llmgine: {wire.vendor} cannot be reached at ")
    with FakeVendor([Answer("and on")]) as vendor:
        done = cli("run", "-c", "go on", env=wire.env(vendor.url))
        assert (done.code, done.stdout) == (0, "and on\n")
        sent = str(vendor.requests[0].body["messages"])
    assert [sent.index(said) for said in ("hi", "Let me see.", "outage", "the result", "go on")] == sorted(
        sent.index(said) for said in ("hi", "Let me see.", "outage", "the result", "go on")
    )


# -- Ctrl-C


@each_wire
def test_ctrl_c_in_a_chat_hangs_up_while_the_chat_goes_on(home: Path, wire: Wire) -> None:
    answer = Answer("the first words", then="silence")
    with FakeVendor([answer, Answer("the second answer")]) as vendor:
        argv = [str(PROGRAM), "chat", "-m", f"{wire.vendor}:{wire.model}"]
        with Terminal(argv, env=wire.env(vendor.url)) as terminal:
            terminal.wait_until(lambda: terminal.screen().endswith("\n>"), "the prompt")
            terminal.send("hello\r")
            terminal.wait_for("the first words")
            terminal.send("\x03")
            terminal.wait_for("stopped")
            assert vendor.requests[0].hung_up.wait(20)
            terminal.send("again\r")
            terminal.wait_for("the second answer")
            terminal.send("\x04")
            assert terminal.wait_end() == 0
    (interrupted,) = logged(home, "LLMCallInterrupted")
    assert interrupted["partial"]["parts"][0]["text"] == "the first words"


def test_ctrl_c_in_a_chat_hangs_up_before_the_first_byte_too(home: Path) -> None:
    with FakeVendor([Silence()]) as vendor:
        argv = [str(PROGRAM), "chat", "-m", "openai:gpt-4.1"]
        with Terminal(argv, env=OPENAI.env(vendor.url)) as terminal:
            terminal.wait_until(lambda: terminal.screen().endswith("\n>"), "the prompt")
            terminal.send("hello\r")
            terminal.wait_for("thinking")
            wait_until(lambda: vendor.requests)
            terminal.send("\x03")
            terminal.wait_for("stopped")
            assert vendor.requests[0].hung_up.wait(20)
            terminal.send("\x04")
            assert terminal.wait_end() == 0
    assert len(logged(home, "LLMCallInterrupted")) == 1


@pytest.mark.parametrize("script", [Silence(), Answer("the first words", then="silence")], ids=["waiting", "midway"])
def test_ctrl_c_on_a_terminal_ends_a_run_with_130_and_hangs_up(home: Path, script: Any) -> None:
    with FakeVendor([script]) as vendor:
        with Terminal([str(PROGRAM), *OPENAI.words()], env=OPENAI.env(vendor.url)) as terminal:
            if isinstance(script, Answer):
                terminal.wait_for("the first words")
            else:
                wait_until(lambda: vendor.requests)
            terminal.send("\x03")
            assert terminal.wait_end() == 130
        assert vendor.requests[0].hung_up.wait(20)
    (interrupted,) = logged(home, "LLMCallInterrupted")
    assert bool(interrupted["partial"]["parts"]) is isinstance(script, Answer)


def test_ctrl_c_ends_the_waiting_for_the_next_attempt(cli: Program, home: Path) -> None:
    with (
        FakeVendor([limited("50"), Answer("never asked for")]) as vendor,
        cli.start(*OPENAI.words(), env=OPENAI.env(vendor.url)) as process,
    ):
        wait_until(lambda: logged(home, "LLMAttemptFailed"))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate()
        assert len(vendor.requests) == 1
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert len(logged(home, "LLMCallInterrupted")) == 1
