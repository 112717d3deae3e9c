"""A sink of somebody else's stops nobody, whatever it does."""

import asyncio
import threading
from pathlib import Path

import pytest

from llmgine_cli.bootstrap import build
from llmgine_cli.bus import Bus, Event, HandlerFailed
from llmgine_cli.eventlog.redact import Redactor
from llmgine_cli.llm.events import TextChunk
from llmgine_cli.sinks import SinkContext, SinkError
from llmgine_cli.sinks.worker import Worker
from llmgine_cli.testing import Recorder
from tests.support.facts import wait_until
from tests.support.messages import Pong
from tests.support.program import Program


class Keeping:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.threads: set[int] = set()
        self.closed = False

    def handle(self, event: Event) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def context(told: list[str]) -> SinkContext:
    return SinkContext(name="mine", redact=Redactor(["hunter2-hunter2"]), tell=told.append)


async def test_a_handler_gets_every_logged_event_in_order_and_is_closed(context: SinkContext, told: list[str]) -> None:
    bus, handler = Bus(), Keeping()
    sink = Worker(context, handler)
    sink.attach(bus)
    sent = [Pong(text=str(number)) for number in range(1000)]
    for event in sent:
        await bus.publish(event)
    await bus.publish(TextChunk(call_id="c", text="not logged"))
    await sink.aclose()

    assert handler.events == sent
    assert handler.closed
    assert handler.threads != {threading.get_ident()}
    assert told == []


async def test_a_handler_may_be_async(context: SinkContext) -> None:
    class Async:
        def __init__(self) -> None:
            self.seen: list[str] = []
            self.ended = False

        async def handle(self, event: Event) -> None:
            await asyncio.sleep(0)
            self.seen.append(type(event).__name__)

        async def close(self) -> None:
            self.ended = True

    bus, handler = Bus(), Async()
    sink = Worker(context, handler)
    sink.attach(bus)
    await bus.publish(Pong(text="x"))
    await sink.aclose()
    assert (handler.seen, handler.ended) == (["Pong"], True)


async def test_an_event_with_a_key_comes_without_it_and_in_its_own_type(context: SinkContext) -> None:
    bus, handler = Bus(), Keeping()
    sink = Worker(context, handler)
    sink.attach(bus)
    secret = Pong(text="the key is hunter2-hunter2", metadata={"also": "hunter2-hunter2"})
    await bus.publish(secret)
    await sink.aclose()

    (event,) = handler.events
    assert isinstance(event, Pong)
    assert (event.text, event.metadata) == ("the key is [redacted]", {"also": "[redacted]"})
    assert (event.event_id, event.time_ns) == (secret.event_id, secret.time_ns)


@pytest.mark.parametrize("error", [ValueError("no\nway"), SystemExit(3)])
async def test_a_handler_that_raises_is_told_once_and_goes_on(
    context: SinkContext, told: list[str], error: BaseException
) -> None:
    class Raising(Keeping):
        def handle(self, event: Event) -> None:
            super().handle(event)
            raise error

    bus, handler = Bus(), Raising()
    failures = Recorder(bus, HandlerFailed)
    sink = Worker(context, handler)
    sink.attach(bus)
    for _ in range(5):
        await bus.publish(Pong(text="x"))
    await sink.aclose()

    assert len(handler.events) == 5
    assert len(told) == 1
    assert told[0].startswith(f"sink 'mine' failed on Pong: {type(error).__name__}")
    assert "\n" not in told[0]
    assert failures.events == []


async def test_a_handler_that_hangs_is_left_behind(context: SinkContext, told: list[str]) -> None:
    release = threading.Event()

    class Hanging:
        def handle(self, event: Event) -> None:
            release.wait()

    bus = Bus()
    sink = Worker(context, Hanging(), deadline=0.05)
    sink.attach(bus)
    for _ in range(3):
        await bus.publish(Pong(text="x"))
    await sink.aclose()
    release.set()

    assert told == ["sink 'mine' was not done within 0.05 s, and is left behind; 2 events were left"]


async def test_events_that_wait_for_a_slow_handler_do_not_fill_the_memory(
    context: SinkContext, told: list[str]
) -> None:
    release = threading.Event()

    class Slow(Keeping):
        def handle(self, event: Event) -> None:
            release.wait()
            super().handle(event)

    bus, handler = Bus(), Slow()
    sink = Worker(context, handler, waiting=10)
    sink.attach(bus)
    for number in range(100):
        await bus.publish(Pong(text=str(number)))
    release.set()
    await sink.aclose()

    texts = [event.text for event in handler.events if isinstance(event, Pong)]
    assert texts[-10:] == [str(number) for number in range(90, 100)]
    assert len(texts) <= 11
    assert told == ["sink 'mine' is too slow: the oldest events that wait are dropped"]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with sinks, and the file into which the good one writes."""
    site = tmp_path / "site"
    info = site / "their_sinks-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-sinks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[llmgine.sinks]\n"
        "notes = their_sinks:Notes\n"
        "listening = their_sinks:Listening\n"
        "broken = their_sinks:broken\n"
        "absent = their_sinks:absent\n"
        "leaving = their_leaving\n"
        "nothing = their_sinks:Nothing\n"
        "raising = their_sinks:Raising\n"
        "hanging = their_sinks:Hanging\n"
        "otel = their_sinks:broken\n"
    )
    (site / "their_leaving.py").write_text("raise SystemExit(9)\n")
    (site / "their_sinks.py").write_text(
        "import threading\n"
        "class Notes:\n"
        "    def __init__(self, context):\n"
        "        self.file = open(context.options['file'], 'a')\n"
        "    def handle(self, event):\n"
        "        print(type(event).__name__, getattr(event, 'message', ''), file=self.file)\n"
        "    def close(self):\n"
        "        self.file.close()\n"
        "class Listening:\n"
        "    def __init__(self, context):\n"
        "        self.context = context\n"
        "    def attach(self, bus):\n"
        "        from llmgine_cli.api import Event\n"
        "        bus.subscribe(Event, lambda event: None)\n"
        "        self.context.tell('attached')\n"
        "    async def aclose(self):\n"
        "        self.context.tell('closed')\n"
        "class Nothing:\n"
        "    def __init__(self, context):\n"
        "        pass\n"
        "class Raising(Nothing):\n"
        "    def handle(self, event):\n"
        "        raise ValueError('no')\n"
        "class Hanging(Nothing):\n"
        "    def handle(self, event):\n"
        "        threading.Event().wait()\n"
        "def broken(context):\n"
        "    raise OSError('the disk is gone')\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{site}:{Path.cwd()}")
    return tmp_path / "notes.txt"


def test_a_sink_of_an_installed_package_is_switched_on_by_name(cli: Program, installed: Path) -> None:
    options = f'{{"notes": {{"file": "{installed}"}}}}'
    done = cli(
        *("run", "-m", "echo:echo", "my key is gsk_0123456789abcdef0123456789abcdef"),
        env={"LLMGINE_LOG__SINKS": "jsonl,notes", "LLMGINE_SINKS": options},
    )
    assert (done.code, done.stderr) == (0, "")
    assert installed.read_text().startswith("SessionStarted")
    assert "MessageAdded" in installed.read_text()
    assert "gsk_" not in installed.read_text()
    assert "[redacted]" in installed.read_text()


def test_a_sink_that_attaches_itself_is_closed_at_the_end(cli: Program, installed: Path) -> None:
    done = cli("run", "-m", "echo:echo", "hi", env={"LLMGINE_LOG__SINKS": "listening"})
    assert done.stderr == "warning: attached\nwarning: closed\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("broken", "sink 'broken' is off: OSError: the disk is gone"),
        ("absent", "sink 'absent' is off: AttributeError: module 'their_sinks' has no attribute 'absent'"),
        ("leaving", "sink 'leaving' is off: SystemExit: 9"),
        ("nothing", "sink 'nothing' is off: Nothing has neither handle nor attach and aclose"),
        ("raising", "sink 'raising' failed on SessionStarted: ValueError: no"),
        ("hanging", "sink 'hanging' was not done within 2 s, and is left behind; 8 events were left"),
        ("consol", "sink 'consol' is off: no sink named 'consol' (did you mean console?)"),
    ],
)
def test_one_that_fails_is_told_once_and_the_answer_comes(cli: Program, installed: Path, name: str, why: str) -> None:
    done = cli("run", "-m", "echo:echo", "hi", env={"LLMGINE_LOG__SINKS": f"jsonl,{name}"})
    assert (done.stdout, done.code) == ("hi\n", 0)
    assert done.stderr == f"warning: {why}\n"


def test_a_wrong_option_is_told_with_its_near_miss(cli: Program) -> None:
    env = {"LLMGINE_LOG__SINKS": "otel", "LLMGINE_SINKS": '{"otel": {"contents": true}}'}
    done = cli("run", "-m", "echo:echo", "hi", env=env)
    assert done.stderr == ("warning: sink 'otel' is off: sinks.otel.contents: unknown key (did you mean content?)\n")
    env["LLMGINE_SINKS"] = '{"otel": {"content": "yes"}}'
    done = cli("run", "-m", "echo:echo", "hi", env=env)
    assert done.stderr == "warning: sink 'otel' is off: sinks.otel.content: str where bool is wanted\n"


def test_no_log_means_no_sink(cli: Program, installed: Path, home: Path) -> None:
    options = f'{{"notes": {{"file": "{installed}"}}}}'
    env = {"LLMGINE_LOG__SINKS": "jsonl,console,notes", "LLMGINE_SINKS": options}
    done = cli("run", "--no-log", "-m", "echo:echo", "hi", env=env)
    assert (done.stdout, done.stderr, done.code) == ("hi\n", "", 0)
    assert not installed.exists()
    assert not (home / "state" / "logs").exists()


async def test_without_a_front_end_the_logger_is_told(caplog: pytest.LogCaptureFixture) -> None:
    from llmgine_cli.settings import LogSettings, Settings

    async with build(Settings(log=LogSettings(sinks=["jsonl", "nobody"]))):
        pass
    wait_until(lambda: caplog.records)
    assert "sink 'nobody' is off" in caplog.text


def test_words_of_variables_become_what_a_sink_wants(told: list[str]) -> None:
    words = {"timeout": "0.5", "content": "true", "endpoint": "5", "headers": '{"a": "b"}'}
    context = SinkContext(name="otel", options=dict(words), tell=told.append)
    context.check(timeout=(int, float), content=(bool,), endpoint=(str,), headers=(dict,))
    assert context.options == {"timeout": 0.5, "content": True, "endpoint": "5", "headers": {"a": "b"}}
    with pytest.raises(SinkError, match="str where bool is wanted"):
        SinkContext(name="otel", options={"content": "yes"}).check(content=(bool,))
