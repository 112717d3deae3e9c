"""Going on with a session, from `run` and from `chat`: found, rebuilt, continued in place or forked."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli import build
from llmgine_cli.eventlog.conversation import rebuild
from llmgine_cli.llm.events import SessionNamed
from tests.support.facts import logged, wait_until
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, Fault, ToolCalls
from tests.support.terminal import Terminal

ECHO = ("run", "-m", "echo:echo")
FAKE = ("run", "-m", "openai:fake")


def env(vendor: FakeVendor) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test-0123456789abcdef0123", "OPENAI_BASE_URL": vendor.url}


def said(vendor: FakeVendor, number: int = -1) -> list[tuple[str, str]]:
    """What the model was given: role and text."""
    return [(message["role"], message.get("content") or "") for message in vendor.requests[number].body["messages"]]


def logs(home: Path) -> list[Path]:
    """The log files, the earliest first."""
    return sorted((home / "state" / "logs").glob("events_*.jsonl"))


def session_id(path: Path) -> str:
    return path.stem.rpartition("_")[2]


def events(path: Path, event_type: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [event for event in lines if event["event_type"] == event_type]


def earlier(name: str | None = None, text: str = "first") -> None:
    """A session in which a text was said and echoed, as a `run` that has ended leaves it."""

    async def say() -> None:
        async with build() as app, app.conversation(engine="single_pass", model="echo:echo") as talk:
            if name is not None:
                await app.bus.publish(SessionNamed(name=name))
            await talk.send(text)

    asyncio.run(say())


def conversation(cli: Program, which: str) -> list[tuple[str, str]]:
    """What was said in a session."""
    path = cli("logs", "path", "--session", which).stdout.rstrip("\n")
    return [(message.role, message.text) for message in rebuild(Path(path))]


class Gate:
    """Holds back answers of a vendor until they are let through."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self._open = threading.Semaphore(0)

    def __iter__(self) -> Iterator[Answer]:
        for answer in self._answers:
            assert self._open.acquire(timeout=60)  # seconds; a safety net, not an expectation
            yield answer

    def open(self) -> None:
        self._open.release()


# -- the same session


def test_run_goes_on_with_the_latest_conversation_its_system_message_and_its_model(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("one"), Answer("two")]) as vendor:
        cli(*FAKE, "-s", "be brief", "first", env=env(vendor))
        done = cli("--quiet", "run", "-c", "second", env=env(vendor))
        assert (done.stdout, done.stderr, done.code) == ("two\n", "", 0)
        assert said(vendor) == [("system", "be brief"), ("user", "first"), ("assistant", "one"), ("user", "second")]
        assert vendor.requests[-1].body["model"] == "fake"
    assert len(logs(home)) == 1


def test_a_flag_goes_before_the_model_of_the_conversation_and_that_before_the_settings(cli: Program) -> None:
    earlier()
    with FakeVendor([Answer("ok")]) as vendor:
        other = {**env(vendor), "LLMGINE_MODEL": "openai:fake"}
        assert cli("run", "-c", "second", env=other).stdout == "second\n"
        assert cli("run", "-c", "-m", "openai:fake", "third", env=other).stdout == "ok\n"


def test_the_model_of_the_conversation_goes_before_that_of_a_folder_trusted_or_not(cli: Program) -> None:
    earlier()
    Path("llmgine.toml").write_text('model = "openai:theirs"\n')
    for trusted in (False, True):
        if trusted:
            cli("trust", "--yes")
        done = cli("run", "-c", "second", "--json")
        assert (json.loads(done.stdout)["model"], done.code) == ("echo:echo", 0)
        assert "theirs" not in done.stderr


def test_a_session_is_named_by_its_name_its_id_a_part_of_it_or_its_file(cli: Program, home: Path) -> None:
    earlier("work")
    earlier(text="another")
    path, _ = logs(home)
    whole = session_id(path)
    for option, name in (("--session", "work"), ("--cid", whole[-11:]), ("--session", str(path))):
        assert cli("run", option, name, "more").code == 0
    assert [event["message"]["role"] for event in events(path, "MessageAdded")] == ["user", "assistant"] * 4


def test_a_name_works_wherever_an_id_does(cli: Program, home: Path) -> None:
    earlier("work")
    earlier(text="another")
    assert cli("logs", "path", "--session", "work").stdout == f"{logs(home)[0]}\n"
    assert "first" in cli("logs", "tail", "--session", "work").stdout
    assert "one more" in cli("chat", "--session", "work", input="one more\n").stdout


def test_chat_and_run_go_on_with_each_other(cli: Program) -> None:
    cli("chat", "-m", "echo:echo", "--name", "work", input="first\n")
    cli("run", "--session", "work", "second")
    done = cli("chat", "-c", input="third\n")
    assert "going on with 4 messages; the last question: second" in done.stderr
    assert [text for _, text in conversation(cli, "work")] == ["first", "first", "second", "second", "third", "third"]


def test_an_engine_that_was_chosen_by_name_is_kept_and_one_from_a_file_is_told_never_run(
    cli: Program, home: Path
) -> None:
    own = home / "config" / "engines"
    own.mkdir(parents=True)
    code = (
        "from llmgine_cli.api import Prompt, Run, engine\n\n"
        "@engine\nasync def loud(prompt: Prompt, run: Run) -> str:\n"
        "    '''Shouts.'''\n"
        "    await run.say(prompt)\n"
        "    return prompt.text.upper()\n"
    )
    (own / "loud.py").write_text(code)
    cli(*ECHO, "-e", "loud", "first")
    assert cli("run", "-c", "second").stdout == "SECOND\n"

    Path("loud.py").write_text(code)
    cli(*ECHO, "-e", "./loud.py", "first")
    done = cli("run", "-c", "second")
    assert done.stdout == "second\n"
    assert "-e ./loud.py" in done.stderr

    (own / "loud.py").unlink()
    assert "loud, which cannot be used here" in cli("run", "--session", session_id(logs(home)[0]), "x").stderr


def test_tools_are_told_and_not_granted_again(cli: Program) -> None:
    with FakeVendor([Answer("one"), Answer("two"), Answer("three")]) as vendor:
        cli(*FAKE, "-T", "calculate", "-T", "current_time", "first", env=env(vendor))
        done = cli("run", "-c", "second", env=env(vendor))
        assert "only you can grant them again: -T calculate -T current_time" in done.stderr
        assert "tools" not in vendor.requests[-1].body
        done = cli("run", "-c", "-T", "calculate", "-T", "current_time", "third", env=env(vendor))
        assert done.stdout == "three\n"
        assert "grant" not in done.stderr
        assert len(vendor.requests[-1].body["tools"]) == 2


def test_a_conversation_without_tools_can_get_some(cli: Program) -> None:
    earlier()
    with FakeVendor([ToolCalls(("calculate", {"expression": "1+1"})), Answer("2")]) as vendor:
        done = cli("run", "-c", "-m", "openai:fake", "-T", "calculate", "--approve", "all", "sum", env=env(vendor))
        assert done.stdout == "2\n"


def test_another_system_message_takes_the_place_of_the_one_there_was(cli: Program) -> None:
    with FakeVendor([Answer("one"), Answer("two")]) as vendor:
        cli("chat", "-m", "openai:fake", "-s", "be brief", input="first\n", env=env(vendor))
        cli("chat", "-c", "-s", "be long", input="second\n", env=env(vendor))
        assert said(vendor) == [("system", "be long"), ("user", "first"), ("assistant", "one"), ("user", "second")]


@pytest.mark.parametrize("system", [(), ("-s", "be brief")], ids=["without a system message", "with one"])
def test_a_turn_that_fails_on_a_resumed_conversation_forgets_itself_alone_also_when_a_template_opened_it(
    cli: Program, tmp_path: Path, system: tuple[str, ...]
) -> None:
    template = tmp_path / "pirate.md"
    template.write_text("# system:\nTalk like a pirate.\n# user:\n{input}\n")
    with FakeVendor([Answer("one"), Fault(400, "out of order"), Answer("three")]) as vendor:
        cli("chat", "-m", "openai:fake", *system, input="first\n", env=env(vendor))
        done = cli("chat", "-c", "-t", template, input="second\nthird\n", env=env(vendor))
        assert "out of order" in done.stderr
        assert said(vendor) == [
            ("system", "Talk like a pirate."), ("user", "first"), ("assistant", "one"), ("user", "third")
        ]  # fmt: skip


def test_going_on_without_a_log_keeps_nothing(cli: Program, home: Path) -> None:
    earlier()
    before = logs(home)[0].read_bytes()
    with FakeVendor([Answer("ok")]) as vendor:
        done = cli(*FAKE, "-n", "-c", "second", env=env(vendor))
        assert [text for _, text in said(vendor)] == ["first", "first", "second"]
    assert "what is said now is not kept" in done.stderr
    assert [path.read_bytes() for path in logs(home)] == [before]


def test_run_tells_the_way_back_only_when_it_is_asked_for(cli: Program) -> None:
    assert cli(*ECHO, "first").stderr == ""
    found = re.search(r"--session (\w{6,})\)", cli(*ECHO, "--verbose", "second").stderr)
    assert found
    assert [text for _, text in conversation(cli, found[1])] == ["second", "second"]


def test_the_way_back_to_a_named_session_is_its_name(cli: Program) -> None:
    assert "--session work)" in cli("chat", "-m", "echo:echo", "--name", "work", input="a\n").stderr


# -- a fork


def test_a_fork_leaves_the_earlier_session_as_it_is_and_needs_it_no_more(cli: Program, home: Path) -> None:
    earlier("work")
    (origin,) = logs(home)
    before = origin.read_bytes()
    cli("run", "--session", "work", "--fork", "--name", "aside", "second")
    _, fork = logs(home)
    assert origin.read_bytes() == before
    (told,) = events(fork, "SessionForked")
    assert told["from_session"] == session_id(origin)
    assert told["at_event"] == json.loads(before.splitlines()[-1])["event_id"]
    origin.unlink()
    assert conversation(cli, "aside") == [
        ("user", "first"), ("assistant", "first"), ("user", "second"), ("assistant", "second")
    ]  # fmt: skip


def test_chat_forks_too(cli: Program, home: Path) -> None:
    earlier()
    before = logs(home)[0].read_bytes()
    done = cli("chat", "-c", "--fork", input="second\n")
    assert "going on with 2 messages" in done.stderr
    assert logs(home)[0].read_bytes() == before
    assert len(logs(home)) == 2


def test_a_log_from_elsewhere_is_left_alone_and_chooses_neither_model_nor_engine(
    cli: Program, home: Path, tmp_path: Path
) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        cli(*FAKE, "first", env=env(vendor))
    foreign = tmp_path / "theirs.jsonl"
    shutil.move(logs(home)[0], foreign)
    before = foreign.read_bytes()
    done = cli("run", "--session", foreign, "second", env={"LLMGINE_MODEL": "echo:echo"})
    assert (done.stdout, done.code) == ("second\n", 0)
    assert done.stderr == (
        "this log is not in your folder of logs: going on in a new session, and the log stays as it is\n"
    )
    assert foreign.read_bytes() == before
    assert [event["message"]["role"] for event in logged(home, "MessageAdded")] == ["user", "assistant"] * 2


# -- two processes


def test_a_second_process_on_a_session_is_told_and_forks_and_both_answers_are_kept(cli: Program, home: Path) -> None:
    earlier("work")
    gate = Gate(Answer("to the one"))
    with FakeVendor(gate) as slow, FakeVendor([Answer("to the other")]) as quick:
        with cli.start(*FAKE, "--session", "work", "one", env=env(slow)) as one:
            wait_until(lambda: slow.requests)
            other = cli(*FAKE, "--session", "work", "--quiet", "other", env=env(quick))
            gate.open()
            answer, told = one.communicate()
        assert (other.stdout, other.code) == ("to the other\n", 0)
        assert "another program is in this session" in other.stderr
        assert (answer, told, one.returncode) == (b"to the one\n", b"", 0)
    origin, fork = logs(home)
    assert [text for _, text in conversation(cli, "work")] == ["first", "first", "one", "to the one"]
    assert [text for _, text in conversation(cli, session_id(fork))] == [
        "first", "first", "one", "other", "to the other"
    ]  # fmt: skip
    assert {event["session_id"] for event in events(origin, "MessageAdded")} == {session_id(origin)}
    assert {event["session_id"] for event in events(fork, "MessageAdded")} == {session_id(fork)}


def test_of_many_at_once_one_goes_on_and_the_others_fork(cli: Program, home: Path) -> None:
    earlier("work")
    gate = Gate(*(Answer("ok") for _ in range(4)))
    with FakeVendor(gate) as vendor:
        running = [cli.start(*FAKE, "--session", "work", f"number {index}", env=env(vendor)) for index in range(4)]
        wait_until(lambda: len(logged(home, "LLMCallStarted")) == 5)
        for _ in running:
            gate.open()
        outcomes = [process.communicate() for process in running]
    assert all(out == b"ok\n" for out, _ in outcomes)
    assert sum(b"another program" in told for _, told in outcomes) == 3
    assert len(logs(home)) == 4


def test_the_session_is_free_again_when_the_program_was_killed(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("Half an answer, then", then="silence"), Answer("ok")]) as vendor:
        with cli.start(*FAKE, "first", env=env(vendor)) as running:
            wait_until(lambda: logged(home, "ReplyGrew"))
            os.kill(running.pid, signal.SIGKILL)
        done = cli("run", "-c", "second", env=env(vendor))
        assert "the last answer was interrupted: Half an answer,\n" in done.stderr
        assert "another program" not in done.stderr
        assert said(vendor) == [("user", "first"), ("assistant", "Half an answer, "), ("user", "second")]
    assert len(logs(home)) == 1


def test_a_fork_of_a_session_whose_answer_is_coming_has_what_came_so_far(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("Half an answer, then", then="silence"), Answer("ok")]) as vendor:
        with cli.start(*FAKE, "first", env=env(vendor)) as running:
            wait_until(lambda: logged(home, "ReplyGrew"))
            done = cli("run", "-c", "second", env=env(vendor))
            running.kill()
        assert (
            "the last answer is still being written: this goes on with what there is of it: Half an answer,\n"
            in done.stderr
        )
        assert "interrupted" not in done.stderr
        assert said(vendor) == [("user", "first"), ("assistant", "Half an answer, "), ("user", "second")]
    assert len(logs(home)) == 2


def test_a_model_that_failed_is_not_the_one_to_go_on_with(cli: Program) -> None:
    with FakeVendor([Answer("ok"), Answer("again")]) as vendor:
        cli(*FAKE, "first", "--name", "trip", env=env(vendor))
        failed = cli(
            "run", "--session", "trip", "-m", "ollama:x", "--retries", "0", "second", env={"OLLAMA_HOST": "127.0.0.1:9"}
        )
        assert failed.code == 1
        assert cli("run", "--session", "trip", "third", env=env(vendor)).stdout == "again\n"


def test_an_answer_that_was_stopped_in_an_open_chat_is_not_said_to_be_coming(cli: Program) -> None:
    with FakeVendor([Answer("Half an answer, then", then="silence"), Answer("ok")]) as vendor:
        words = [str(PROGRAM), "chat", "-m", "openai:fake", "--name", "trip"]
        with Terminal(words, env=env(vendor)) as terminal:
            terminal.wait_until(lambda: b"\x1b[?2004h" in terminal.raw, "the prompt")
            terminal.send("first\r")
            terminal.wait_for("Half an answer,")
            terminal.send("\x03")
            terminal.wait_for("stopped")
            done = cli("run", "--session", "trip", "second", env=env(vendor))
        assert "the last answer was interrupted: Half an answer," in done.stderr
        assert "still being written" not in done.stderr


def test_an_answer_that_has_not_begun_is_gone_on_without_it(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("", then="silence"), Answer("ok")]) as vendor:
        with cli.start(*FAKE, "first", env=env(vendor)) as running:
            wait_until(lambda: logged(home, "LLMCallStarted"))
            done = cli("run", "-c", "--fork", "second", env=env(vendor))
            running.kill()
        assert "the last answer is still being written: this goes on without it\n" in done.stderr
        assert "interrupted" not in done.stderr


def test_a_chat_that_is_open_keeps_its_session(cli: Program) -> None:
    with Terminal([str(PROGRAM), "chat", "-m", "echo:echo", "--name", "work"]) as terminal:
        terminal.wait_for("\n>")
        terminal.send("mine\r")
        terminal.wait_for("\nmine\n")
        assert "another program" in cli("run", "--session", "work", "not yours").stderr
        terminal.send("\x04")
        assert terminal.wait_end() == 0
    assert [text for _, text in conversation(cli, "work")] == ["mine", "mine"]


# -- faults


def test_a_call_of_a_tool_that_was_killed_has_a_result_that_says_so(cli: Program, home: Path, tmp_path: Path) -> None:
    tool = tmp_path / "slow.py"
    tool.write_text("import time\n\ndef wait() -> None:\n    '''Waits.'''\n    time.sleep(600)\n")
    with FakeVendor([ToolCalls(("wait", {})), Answer("ok")]) as vendor:
        command = (*FAKE, "-T", str(tool), "--approve", "all", "first")
        with cli.start(*command, env=env(vendor)) as running:
            wait_until(lambda: logged(home, "ToolCallStarted"))
            os.killpg(running.pid, signal.SIGKILL)
        assert cli("run", "-c", "second", env=env(vendor)).stdout == "ok\n"
        assert [role for role, _ in said(vendor)] == ["user", "assistant", "tool", "user"]
        assert "interrupted" in said(vendor)[2][1]


def test_a_log_that_is_damaged_and_torn_is_told_and_gone_on_with(cli: Program, home: Path) -> None:
    cli("chat", "-m", "echo:echo", input="first\nsecond\n")
    (path,) = logs(home)
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = next(number for number, line in enumerate(lines) if b"MessageAdded" in line and b'"assistant"' in line)
    lines[damaged] = b"\0" * 40 + b"garbage\n"
    path.write_bytes(b"".join(lines) + lines[-1][:30])
    with FakeVendor([Answer("ok")]) as vendor:
        done = cli(*FAKE, "-c", "third", env=env(vendor))
        assert "2 lines of the log could not be read" in done.stderr
        assert [text for _, text in said(vendor)] == ["first", "second", "second", "third"]
    assert [text for _, text in conversation(cli, session_id(path))][-2:] == ["third", "ok"]


def test_a_session_whose_file_cannot_be_written_is_forked(cli: Program, home: Path, tmp_path: Path) -> None:
    earlier()
    (path,) = logs(home)
    if os.geteuid():
        path.chmod(0o400)
    else:  # root may write anything, but not through a link
        shutil.move(path, tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    done = cli("run", "-c", "second")
    assert (done.stdout, done.code) == ("second\n", 0)
    assert "the session cannot be written" in done.stderr
    assert len(logs(home)) == 2


def test_the_folder_of_the_logs_can_go_while_a_chat_goes_on(cli: Program, home: Path) -> None:
    earlier("work")
    command = ("chat", "-m", "echo:echo", "--session", "work", "--name", "play")
    with cli.start(*command, stdin=subprocess.PIPE) as chat:
        assert chat.stdin
        assert chat.stdout
        chat.stdin.write(b"second\n")
        chat.stdin.flush()
        assert chat.stdout.readline() == b"second\n"
        shutil.rmtree(home / "state" / "logs")
        rest, told = chat.communicate(b"third\nfourth\n")
    assert (rest, chat.returncode) == (b"third\nfourth\n", 6)
    assert told.count(b"warning: ") == 1
    assert cli("run", "--session", "work", "x").code == 2


# -- names


def test_a_name_that_is_taken_goes_to_the_new_session_and_this_is_told(cli: Program, home: Path) -> None:
    earlier("work")
    done = cli(*ECHO, "--name", "work", "second")
    first = session_id(logs(home)[0])
    assert f"work was the name of an earlier session, which is now {first[-8:]}" in done.stderr
    assert [text for _, text in conversation(cli, "work")] == ["second", "second"]
    assert [text for _, text in conversation(cli, first[-6:])] == ["first", "first"]


def test_a_session_can_be_named_later_and_anew(cli: Program) -> None:
    earlier()
    assert "was the name of" not in cli("run", "-c", "--name", "work", "second").stderr
    assert cli("run", "--session", "work", "--name", "play", "third").stderr == ""
    assert len(conversation(cli, "play")) == 6
    assert "no session named 'work'" in cli("run", "--session", "work", "x").stderr


def test_names_are_found_again_when_the_index_is_gone(cli: Program, home: Path) -> None:
    earlier("work")
    earlier("work", "second")
    shutil.rmtree(home / "state" / "logs" / "names")
    assert [text for _, text in conversation(cli, "work")] == ["second", "second"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("-c", "--session", "work"), "--continue and --session exclude each other"),
        (("--fork",), "--fork needs a conversation"),
        (("--session", "wrok"), "no session named 'wrok' (did you mean work?)"),
        (("--session", ""), "no session named ''"),
        (("--session", "nothing like it"), "the latest: work (20"),
        (("--name", "a b"), "cannot be called 'a b'"),
        (("--name", "../x"), "cannot be called '../x'"),
        (("--name", "18ead0941bde801700000f204c3"), "cannot be called"),
        (("-n", "--name", "x"), "without a log cannot be found by a name"),
    ],
)
def test_what_cannot_be_is_one_clear_line(cli: Program, options: tuple[str, ...], told: str) -> None:
    earlier("work")
    done = cli(*ECHO, *options, "x")
    assert (done.stdout, done.code) == ("", 2)
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_chat_understands_the_options_as_run_does(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", "--fork", input="x\n")
    assert (done.stdout, done.code) == ("", 2)
    assert "--fork needs a conversation" in done.stderr


def test_nothing_to_go_on_with_is_one_clear_line(cli: Program) -> None:
    done = cli(*ECHO, "-c", "x")
    assert (done.stdout, done.code) == ("", 2)
    assert "there is no conversation to go on with" in done.stderr


def test_a_part_that_is_too_short_is_refused_before_anything_is_written(cli: Program, home: Path) -> None:
    earlier()
    (path,) = logs(home)
    before = path.read_bytes()
    done = cli(*ECHO, "--session", session_id(path)[-3:], "x")
    assert (done.stdout, done.code) == ("", 2)
    assert "is too short for a part of an id: 4 characters or more" in done.stderr
    assert (logs(home), path.read_bytes()) == ([path], before)


@pytest.mark.parametrize("by", ["part", "latest"])
def test_which_conversation_it_is_is_told_where_it_was_not_named(cli: Program, home: Path, by: str) -> None:
    earlier()
    handle = session_id(logs(home)[0])[-8:]
    which = ("-c",) if by == "latest" else ("--session", handle[-4:])
    done = cli(*ECHO, *which, "second")
    assert re.fullmatch(rf"the conversation is {handle} \(20[-\d]+ [:\d]+, 'first'\)\n", done.stderr)
    assert cli("--quiet", *ECHO, *which, "third").stderr == ""


def test_a_name_an_id_and_a_path_say_which_it_is_themselves(cli: Program, home: Path) -> None:
    earlier("work")
    (path,) = logs(home)
    for named in ("work", session_id(path), str(path)):
        assert cli(*ECHO, "--session", named, "x").stderr == ""


def test_a_part_that_several_have_names_the_latest_with_what_was_asked(cli: Program, home: Path) -> None:
    for number in range(5):
        earlier(text=f"question {number}")
    common = session_id(logs(home)[0])[:4]
    done = cli(*ECHO, "--session", common, "x")
    assert done.code == 2
    assert f"5 sessions have '{common}' in their id" in done.stderr
    found = re.findall(r"(\w{6,}) \(20[-\d]+ [:\d]+, '(question \d)'\)", done.stderr)
    assert [question for _, question in found] == ["question 4", "question 3", "question 2"]
    assert [text for _, text in conversation(cli, found[1][0])] == ["question 3", "question 3"]


def test_the_python_example_of_the_docs_goes_on_with_a_session(cli: Program) -> None:
    page = Path(__file__).parents[2] / "docs" / "sessions.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    earlier("work")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("And then?\n", "")
    assert [text for _, text in conversation(cli, "work")] == ["first", "first", "And then?", "And then?"]
