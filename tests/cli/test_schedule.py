"""`llmgine schedule`, and `run --at` and `--in`."""

import json
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.bus.schedule import ScheduleStore
from llmgine_cli.cli.talk.later import PromptDue, as_facts, job_of, keep
from llmgine_cli.cli.talk.moments import When
from llmgine_cli.places import schedule_file
from tests.support.facts import logged, wait_until
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, Fault, Silence, ToolCalls
from tests.support.terminal import Terminal
from tests.support.wire import Script

KEY = "sk-test-0123456789abcdef0123"

SECRETIVE = """
from llmgine_cli.api import tool

@tool(effect="read")
def whereabouts() -> str:
    '''Say where this runs.'''
    import os
    return os.getcwd()
"""


def vendor_env(vendor: FakeVendor) -> dict[str, str]:
    """The environment that makes this vendor the only one there is."""
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": vendor.url}


def file(home: Path) -> Path:
    """The schedule's file."""
    return home / "state" / "schedule" / "schedule.db"


def listed(*, everything: bool = False) -> list[dict[str, Any]]:
    """What `schedule list --json` says; with all as `--all` does."""
    store = ScheduleStore(schedule_file())
    entries = store.entries(states=None if everything else ("waiting", "running"))
    store.close()
    facts: list[dict[str, Any]] = json.loads(json.dumps([as_facts(entry, job_of(entry)) for entry in entries]))
    return facts


def put_off(text: str, **about: Any) -> str:
    """Put a prompt into the schedule that is due at once, as `run --in 0s` does; return its id."""
    known: dict[str, Any] = {"engine": "single_pass", "model": "echo:echo", "approve": "ask", "folder": Path.cwd()}
    store = ScheduleStore(schedule_file())
    number = keep(store, PromptDue(text=text, **{**known, **about}), When(None, 0.0))
    store.close()
    return str(number)


def leases_end(home: Path) -> None:
    """Have it be later for all that is leased."""
    with sqlite3.connect(file(home)) as connection:
        connection.execute("UPDATE entries SET lease_until = lease_until - 1e6, lease_steady = lease_steady - 1e6")
    connection.close()


# -- putting off


def test_the_id_alone_is_on_stdout_and_when_it_is_due_on_stderr(cli: Program) -> None:
    done = cli("run", "--at", "2031-01-02 03:04", "-m", "echo:echo", "hello", "there")
    assert (done.stdout, done.code) == ("1\n", 0)
    assert "due 2031-01-02 03:04" in done.stderr
    (entry,) = listed()
    assert (entry["id"], entry["prompt"], entry["state"]) == (1, "hello there", "waiting")
    assert entry["due"] == "2031-01-02T03:04:00.000+00:00"


def test_json_tells_everything_that_is_settled(cli: Program) -> None:
    done = cli(
        "run", "--json", "--in", "2h30m", "-m", "echo:echo", "-T", "calculate", "--approve", "auto-read",
        "-o", "temperature", "0", "hi",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert {**told, "due": None} == {**listed()[0], "due": None}
    assert (told["engine"], told["model"], told["tools"]) == ("tool_chat", "echo:echo", ["calculate"])
    assert (told["approve"], told["options"], told["folder"]) == ("auto-read", {"temperature": "0"}, str(Path.cwd()))
    in_two_and_a_half = datetime.fromisoformat(told["created"]) + timedelta(hours=2.5)
    assert abs(datetime.fromisoformat(told["due"]) - in_two_and_a_half) < timedelta(seconds=1)


def test_the_list_for_programs_names_what_is_attached_the_form_and_what_to_fall_back_on(cli: Program) -> None:
    Path("dot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    words = ("--schema", "name", "-a", "dot.png", "--retries", "0", "--fallback", "echo:other")
    assert cli("run", "--in", "1h", "-m", "echo:echo", *words, "who?").code == 0
    [entry] = json.loads(cli("schedule", "list", "--json").stdout)
    assert entry["schema"]["required"] == ["name"]
    assert entry["overrides"] == {"limits.retries": 0, "fallback": ["echo:other"]}
    assert entry["attachments"] == ["dot.png"]


def test_schedule_add_is_the_same(cli: Program) -> None:
    assert cli("schedule", "add", "--in", "1h", "-m", "echo:echo", "as an argument").stdout == "1\n"
    assert cli("schedule", "add", "--in", "1h", "-m", "echo:echo", input="from a pipe\n").stdout == "2\n"
    assert [entry["prompt"] for entry in listed()] == ["as an argument", "from a pipe"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--at", "soon", "hi"), "tomorrow-07:00"),
        (("run", "--at", "2001-01-01 00:00", "hi"), "is past"),
        (("run", "--in", "10", "hi"), "2h30m"),
        (("run", "--in", "1h", "--at", "07:00", "hi"), "exclude each other"),
        (("run", "--in", "1h", "--usage", "hi"), "--usage"),
        (("run", "--in", "1h", "--raw", "hi"), "--raw"),
        (("run", "--in", "1h"), "nothing to ask"),
        (("run", "--in", "1h", "-T", "calculate", "hi"), "--approve"),
        (("run", "--in", "1h", "-T", "calculator", "--approve", "all", "hi"), "calculate"),
        (("run", "--in", "1h", "-e", "no_such_engine", "hi"), "no_such_engine"),
        (("run", "--in", "1h", "-o", "temprature", "0", "hi"), "temperature"),
        (("run", "--in", "1h", "-t", "no_such_prompt", "hi"), "no_such_prompt"),
        (("schedule", "add", "hi"), "--in"),
    ],
)
def test_what_is_wrong_is_told_now_and_nothing_is_kept(
    cli: Program, home: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = cli(*arguments, env={"LLMGINE_MODEL": "echo:echo"})
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not file(home).exists()


def test_a_key_that_is_missing_is_told_now(cli: Program) -> None:
    assert cli("run", "--in", "1h", "-m", "openai:gpt-4.1", "hi").code == 3


def test_keys_are_not_kept(cli: Program, home: Path) -> None:
    assert cli("run", "--in", "1h", "-m", "openai:gpt-4.1", "hi", env={"OPENAI_API_KEY": KEY}).code == 0
    assert KEY.encode() not in b"".join(each.read_bytes() for each in file(home).parent.iterdir() if each.is_file())


def test_putting_off_leaves_no_session_in_the_log(cli: Program, home: Path) -> None:
    put_off("hi")
    assert not (home / "state" / "logs").exists()


# -- the list


def test_the_list_is_rows_in_a_pipe_and_says_when_it_is_empty(cli: Program) -> None:
    empty = cli("schedule", "list")
    assert (empty.stdout, empty.code) == ("", 0)
    assert "nothing is scheduled" in empty.stderr
    cli("run", "--at", "2031-01-02 03:04", "-m", "echo:echo", "later \x1b[31m\n\n and red")
    cli("run", "--at", "2030-01-02 03:04:05", "-m", "echo:echo", "sooner")
    rows = cli("schedule", "list").stdout.splitlines()
    assert [row.split("\t") for row in rows] == [
        ["2", "2030-01-02 03:04:05", "waiting", "0", "sooner"],
        ["1", "2031-01-02 03:04", "waiting", "0", "later ␛[31m and red"],
    ]


def test_the_list_on_a_terminal_has_headings_and_fits() -> None:
    Program()("run", "--at", "2031-01-02 03:04", "-m", "echo:echo", "a long prompt " * 20)
    with Terminal([str(PROGRAM), "schedule", "list", "--all"]) as terminal:
        assert terminal.wait_end() == 0
        assert terminal.screen().splitlines()[0].split() == ["id", "due", "state", "tries", "session", "prompt"]
        assert re.search(r"a long .*… .*prompt", terminal.screen())
        assert len(terminal.screen().splitlines()) == 2


def test_long_prompts_are_told_apart_by_how_they_begin_and_end(cli: Program) -> None:
    text = "commit 3b04c75 " + "東京 and so on " * 9000
    for number in (1, 2):
        cli("run", "--at", f"203{number}-01-02 03:04", "-m", "echo:echo", f"what of part {number}?", input=text)

    rows = [row.split("\t")[-1] for row in cli("schedule", "list").stdout.splitlines()]
    with Terminal([str(PROGRAM), "schedule", "list"]) as terminal:
        assert terminal.wait_end() == 0
        shown = terminal.screen().splitlines()[1:]

    for number, row, line in zip((1, 2), rows, shown, strict=True):
        assert "commit" in row
        assert "commit" in line
        assert row.endswith(f"what of part {number}?")
        assert line.endswith(f"of part {number}?")
        assert len(row) <= 100
    assert all(len(entry["prompt"]) > 9000 for entry in json.loads(cli("schedule", "list", "--json").stdout))


def test_an_event_of_somebody_elses_program_is_listed_by_its_type(cli: Program, home: Path) -> None:
    put_off("hi")
    with sqlite3.connect(file(home)) as connection:
        connection.execute(
            "INSERT INTO entries (id, queue, type, event, created, due) VALUES ('x', 'events', 'Tea', 'garbage', 0, 0)"
        )
    connection.close()
    assert "(Tea)" in cli("schedule", "list").stdout
    assert cli("schedule", "run", "--once").stdout == "hi\n"
    assert [entry["type"] for entry in listed()] == ["Tea"]


def test_what_the_schedule_asked_is_not_the_conversation_that_one_goes_on_with(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", "mine").code == 0
    put_off("not mine")
    assert cli("schedule", "run", "--once").stdout == "not mine\n"
    cli("run", "-c", "and more")
    shown = json.loads(cli("logs", "show", "--json").stdout)
    assert [message["text"] for message in shown["messages"] if message["role"] == "user"] == ["mine", "and more"]


def test_cancelled_prompts_are_never_answered(cli: Program) -> None:
    ids = [put_off(str(number)) for number in range(3)]
    assert cli("schedule", "cancel", *ids[:2]).stdout == "1\n2\n"
    assert cli("schedule", "run", "--once").stdout == "2\n"
    assert [entry["state"] for entry in listed(everything=True)] == ["cancelled", "cancelled", "done"]


def test_what_cannot_be_cancelled_is_told_and_the_others_are(cli: Program) -> None:
    put_off("hi")
    done = cli("schedule", "cancel", "--json", "1", "7")
    assert (json.loads(done.stdout), done.code) == ({"cancelled": [1]}, 2)
    assert "'7'" in done.stderr
    again = cli("schedule", "cancel", "1")
    assert (again.stdout, again.code) == ("", 2)
    assert "it is cancelled" in again.stderr


# -- answering


def test_a_due_prompt_is_answered_once_in_a_session_of_its_own(cli: Program, home: Path) -> None:
    put_off("hello there")
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == ("hello there\n", 0)
    assert "1: hello there" in done.stderr
    again = cli("schedule", "run", "--once")
    assert (again.stdout, again.stderr, again.code) == ("", "", 0)
    (entry,) = listed(everything=True)
    assert (entry["state"], entry["attempts"]) == ("done", 1)
    assert entry["session_id"] in done.stderr
    assert {event["session_id"] for event in logged(home)} == {entry["session_id"]}
    (about,) = logged(home, "PromptDue")
    assert about["event_id"] == entry["event_id"]
    assert logged(home, "LLMCallFinished")


def test_nothing_is_answered_before_it_is_due(cli: Program) -> None:
    cli("run", "--in", "1h", "-m", "echo:echo", "later")
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == ("", 0)
    assert listed()[0]["attempts"] == 0


def test_several_are_answered_in_the_order_they_are_due(cli: Program) -> None:
    for text in ("first", "second", "third"):
        put_off(text)
    done = cli("schedule", "run", "--once", "--quiet")
    assert (done.stdout, done.stderr) == ("first\nsecond\nthird\n", "")


def test_json_is_a_line_for_each(cli: Program) -> None:
    put_off("fine")
    put_off("no key", model="openai:gpt-4.1")
    done = cli("schedule", "run", "--once", "--json")
    fine, failed = map(json.loads, done.stdout.splitlines())
    assert (fine["id"], fine["prompt"], fine["state"], fine["answer"]) == (1, "fine", "done", "fine")
    assert fine["session_id"] == listed(everything=True)[0]["session_id"]
    assert (failed["id"], failed["prompt"], failed["state"]) == (2, "no key", "failed")
    assert "OPENAI_API_KEY" in failed["error"]
    assert done.code == 3


def test_template_system_and_options_are_settled_when_it_is_put_off(cli: Program, tmp_path: Path) -> None:
    prompt = tmp_path / "shout.md"
    prompt.write_text("# system:\nBe {mood}.\n# user:\nSay it: {input}", encoding="utf-8")
    with FakeVendor([Answer("ok")]) as vendor:
        cli(
            "run", "--in", "0s", "-m", "openai:gpt-4.1", "-t", str(prompt), "-p", "mood", "brief",
            "-o", "temperature", "0", "good day", env=vendor_env(vendor),
        )  # fmt: skip
        prompt.unlink()
        assert cli("schedule", "run", "--once", env=vendor_env(vendor)).stdout == "ok\n"
        body = vendor.requests[0].body
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", "Be brief."),
        ("user", "Say it: good day"),
    ]
    assert body["temperature"] == 0


def test_it_runs_in_its_own_folder_with_the_tools_it_was_granted(cli: Program, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "mine.py").write_text(SECRETIVE)
    with FakeVendor([ToolCalls(("whereabouts", {})), Answer("done")]) as vendor:
        cli(
            "run", "--in", "0s", "-m", "openai:gpt-4.1", "-T", "mine.py", "--approve", "all", "where?",
            env=vendor_env(vendor), cwd=folder,
        )  # fmt: skip
        done = cli("schedule", "run", "--once", env=vendor_env(vendor), cwd=elsewhere)
        sent = vendor.requests[1].body["messages"]
    assert (done.stdout, done.code) == ("done\n", 0), done.stderr
    assert next(message["content"] for message in sent if message["role"] == "tool") == str(folder)


def test_nobody_is_asked_even_where_there_is_a_terminal(cli: Program) -> None:
    with FakeVendor([ToolCalls(("calculate", {"expression": "1+1"}))]) as vendor:
        put_off("add", model="openai:gpt-4.1", engine="tool_chat", tools=("calculate",))
        with Terminal([str(PROGRAM), "schedule", "run", "--once"], env=vendor_env(vendor)) as terminal:
            assert terminal.wait_end() == 4
            assert "there is no terminal to ask on" in " ".join(terminal.everything().split())


def test_a_folder_that_is_gone_is_a_failure_that_is_told(cli: Program, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    put_off("hi", folder=folder)
    folder.rmdir()
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == ("", 2)
    assert str(folder) in done.stderr
    assert listed() == []
    assert "1 failed" in cli("schedule", "list").stderr
    row = cli("schedule", "list", "--all").stdout
    assert "failed" in row
    assert str(folder) in row


def test_code_that_nobody_trusts_any_more_does_not_run(cli: Program, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "tools").mkdir(parents=True)
    (project / "tools" / "mine.py").write_text(SECRETIVE)
    assert cli("trust", "--yes", cwd=project).code == 0
    put_off("hi", engine="tool_chat", tools=("whereabouts",), approve="all", folder=project)
    (project / "tools" / "mine.py").write_text(SECRETIVE + "\n# changed\n")
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == ("", 3)
    assert "llmgine trust" in done.stderr


def test_a_model_that_is_down_is_asked_again_later_and_one_that_refuses_is_not(cli: Program) -> None:
    with FakeVendor([Fault(400, "no such thing"), *[Fault(503, "down")] * 10]) as vendor:
        for text in ("refused", "down"):
            put_off(text, model="openai:gpt-4.1")
        done = cli("schedule", "run", "--once", env=vendor_env(vendor))
    assert done.code == 1
    refused, down = listed(everything=True)
    assert (refused["state"], refused["attempts"]) == ("failed", 1)
    assert "no such thing" in refused["error"]
    assert (down["state"], down["attempts"]) == ("waiting", 1)
    assert datetime.fromisoformat(down["due"]) > datetime.now(UTC)
    assert "1 failed" in done.stderr
    assert "tried again in 60 s" in done.stderr


def test_a_prompt_of_a_version_that_wrote_it_otherwise_is_told(cli: Program, home: Path) -> None:
    put_off("hi")
    with sqlite3.connect(file(home)) as connection:
        connection.execute("UPDATE entries SET event = replace(event, '\"engine\"', '\"motor\"')")
    connection.close()
    done = cli("schedule", "run", "--once")
    assert (done.stdout, done.code) == ("", 1)
    assert "another version of llmgine" in done.stderr
    assert listed(everything=True)[0]["state"] == "failed"


def test_a_home_that_is_named_from_where_one_stands_stays_where_it_is(cli: Program, tmp_path: Path) -> None:
    env = {"LLMGINE_HOME": "mine"}
    assert cli("run", "--in", "0s", "-m", "echo:echo", "hi", env=env).code == 0
    here = Path.cwd() / "mine"
    with sqlite3.connect(file(here)) as connection:
        connection.execute("UPDATE entries SET event = replace(event, ?, ?)", (str(Path.cwd()), str(tmp_path)))
    connection.close()
    assert cli("schedule", "run", "--once", env=env).stdout == "hi\n"
    assert len(list((here / "state" / "logs").iterdir())) == 1
    assert not (tmp_path / "mine").exists()


def test_no_log_leaves_no_trace_in_the_log(cli: Program, home: Path) -> None:
    assert cli("run", "--in", "0s", "-n", "-m", "echo:echo", "secret plans").code == 0
    assert cli("schedule", "run", "--once").stdout == "secret plans\n"
    assert not (home / "state" / "logs").exists()


def test_a_worker_answers_what_comes_until_ctrl_c(cli: Program) -> None:
    with cli.start("schedule", "run") as worker:
        assert worker.stdout
        for text in ("one", "two"):
            put_off(text)
            assert worker.stdout.readline() == f"{text}\n".encode()
        worker.send_signal(signal.SIGINT)
        assert worker.wait(60) == 130


def test_workers_share_what_is_due_and_each_prompt_is_asked_once(cli: Program) -> None:
    with FakeVendor([Answer("ok")] * 20) as vendor:
        for number in range(6):
            put_off(f"prompt {number}", model="openai:gpt-4.1")
        workers = [cli.start("schedule", "run", "--once", env=vendor_env(vendor)) for _ in range(3)]
        answers = [worker.communicate(timeout=120)[0] for worker in workers]
        asked = sorted(request.body["messages"][0]["content"] for request in vendor.requests)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert b"".join(answers) == b"ok\n" * 6
    assert asked == [f"prompt {number}" for number in range(6)]


def test_a_worker_that_is_killed_leaves_its_prompt_to_the_next_one(cli: Program, home: Path) -> None:
    with FakeVendor([Silence(), Answer("at last")]) as vendor:
        put_off("hi", model="openai:gpt-4.1")
        with cli.start("schedule", "run", env=vendor_env(vendor)) as worker:
            wait_until(lambda: vendor.requests)
            worker.kill()
        (held,) = listed()
        assert (held["state"], held["attempts"]) == ("running", 1)
        early = cli("schedule", "run", "--once", env=vendor_env(vendor))
        assert (early.stdout, early.code) == ("", 0)  # its lease is not over
        assert re.search(r"1 prompt is held by another worker until \d\d:\d\d:\d\d\n", early.stderr)
        leases_end(home)
        late = cli("schedule", "run", "--once", env=vendor_env(vendor))
        assert late.stdout == "at last\n"
        assert "held by" not in late.stderr
    (entry,) = listed(everything=True)
    assert (entry["state"], entry["attempts"], entry["event_id"]) == ("done", 2, held["event_id"])
    assert entry["session_id"] != held["session_id"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_stopped_in_an_answer_puts_the_prompt_back(
    cli: Program, home: Path, number: signal.Signals
) -> None:
    with FakeVendor([Silence(), Answer("at last")]) as vendor:
        put_off("hi", model="openai:gpt-4.1")
        with cli.start("schedule", "run", env=vendor_env(vendor)) as worker:
            wait_until(lambda: vendor.requests)
            worker.send_signal(number)
            assert worker.wait(60) == 128 + number
        (entry,) = listed()
        assert (entry["state"], entry["attempts"]) == ("waiting", 0)
        assert logged(home, "LLMCallInterrupted")
        assert cli("schedule", "run", "--once", env=vendor_env(vendor)).stdout == "at last\n"


def test_an_answer_that_nobody_reads_ends_the_worker_and_is_not_taken_for_given(cli: Program) -> None:
    put_off("word " * 50_000)
    with cli.start("schedule", "run", "--once") as worker:
        assert worker.stdout
        assert worker.stderr
        assert worker.stdout.read(4) == b"word"
        worker.stdout.close()
        errors = worker.stderr.read()
    assert worker.returncode == 141, errors
    (entry,) = listed()
    assert (entry["state"], entry["attempts"]) == ("waiting", 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("schedule", "list"), ("schedule", "list", "--json"), ("schedule", "cancel", "1"), ("schedule", "run"),
        ("schedule", "run", "--once"), ("run", "--in", "1h", "-m", "echo:echo", "hi"),
    ],
)  # fmt: skip
def test_a_spoilt_schedule_is_one_line_and_exit_code_6_and_is_left_as_it_is(
    cli: Program, home: Path, arguments: tuple[str, ...]
) -> None:
    file(home).parent.mkdir(parents=True)
    file(home).write_bytes(b"garbage! " * 1000)
    done = cli(*arguments)
    assert (done.stdout, done.code) == ("", 6)
    assert str(file(home)) in done.stderr.splitlines()[-1]
    assert "mv " in done.stderr
    assert sum(line.startswith("llmgine:") for line in done.stderr.splitlines()) == 1
    assert file(home).read_bytes() == b"garbage! " * 1000


# -- in a chat


class Chat(Terminal):
    """A chat on a terminal, with a prompt to type at."""

    def __init__(self, model: str, **how: Any) -> None:
        super().__init__([str(PROGRAM), "chat", "-m", model], **how)

    def prompts(self, count: int) -> None:
        """Wait until there were as many prompts: bracketed paste is switched on by each."""
        self.wait_until(lambda: self.raw.count(b"\x1b[?2004h") >= count, "the prompt")


def test_a_chat_has_due_prompts_answered_and_says_so_above_what_is_being_typed(cli: Program, home: Path) -> None:
    with Chat("echo:echo", cols=120) as chat:
        chat.prompts(1)
        chat.send("half a sen")
        chat.wait_for("> half a sen")
        put_off("feed the cat")
        chat.wait_for("prompt 1 (feed the cat) is answered: llmgine chat --session ")
        chat.wait_for("> half a sen")
        assert chat.everything().count("feed the cat") == 1
        chat.send("tence\r")
        chat.wait_for("\nhalf a sentence\n")
        chat.prompts(2)
        chat.send("\x04")
        assert chat.wait_end() == 0
    (entry,) = listed(everything=True)
    assert (entry["state"], entry["attempts"]) == ("done", 1)
    assert f"--session {entry['session_id'][-8:]}\n" in chat.everything()
    assert len({event["session_id"] for event in logged(home)}) == 2


def test_while_a_chat_answers_it_keeps_to_itself_what_came_of_a_prompt(cli: Program) -> None:
    with FakeVendor([Silence()]) as vendor, Chat("openai:fake", cols=120, env=vendor_env(vendor)) as chat:
        chat.prompts(1)
        chat.send("hello\r")
        wait_until(lambda: vendor.requests)
        put_off("feed the cat")
        wait_until(lambda: listed() == [])
        chat.send("\x03")
        chat.wait_for("prompt 1 (feed the cat) is answered")
        seen = chat.everything()
        assert seen.index("stopped") < seen.index("is answered")
        chat.prompts(2)
        chat.send("\x04")
        assert chat.wait_end() == 0


def test_a_prompt_that_fails_beside_a_chat_is_told(cli: Program, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    put_off("hi", folder=folder)
    folder.rmdir()
    with Chat("echo:echo", cols=200) as chat:
        chat.wait_for("prompt 1 (hi) failed: its folder")
        chat.send("\x04")
        assert chat.wait_end() == 0


def test_a_prompt_that_is_being_answered_when_the_chat_is_left_is_answered_to_the_end(cli: Program) -> None:
    left = threading.Event()

    def once_the_chat_is_left() -> Iterator[Script]:
        left.wait(60)
        yield Answer("done")

    with FakeVendor(once_the_chat_is_left()) as vendor:
        put_off("slow", model="openai:fake")
        with Chat("echo:echo", env=vendor_env(vendor)) as chat:
            chat.prompts(1)
            wait_until(lambda: [entry["state"] for entry in listed()] == ["running"])
            chat.send("\x04")
            assert chat.wait_end() == 0
        left.set()
        wait_until(lambda: [entry["state"] for entry in listed(everything=True)] == ["done"])


def test_a_chat_goes_on_with_a_spoilt_schedule(home: Path) -> None:
    file(home).parent.mkdir(parents=True)
    file(home).write_bytes(b"garbage! " * 1000)
    with Chat("echo:echo", cols=200) as chat:
        chat.wait_for("prompts that come due are not answered here")
        chat.prompts(1)
        chat.send("hello\r")
        chat.wait_for("\nhello\n")
        chat.send("/exit\r")  # the line above redraws the prompt, so that prompts cannot be counted
        assert chat.wait_end() == 0


def test_a_scripted_chat_answers_its_lines_and_nothing_else(cli: Program) -> None:
    put_off("not now")
    done = cli("chat", "-m", "echo:echo", input="one\n")
    assert done.stdout == "one\n"
    assert listed()[0]["state"] == "waiting"


def test_the_pipe_of_the_list_may_be_closed(cli: Program) -> None:
    for number in range(3):
        put_off(str(number))
    command = f'"{PROGRAM}" schedule list | head -1'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True, timeout=60)
    assert done.stdout.startswith(b"1\t")
    assert done.stderr == b""


def test_a_key_in_a_prompt_is_not_listed(cli: Program) -> None:
    key = "sk-proj-" + "0123456789abcdefghijABCD" * 2
    assert cli("run", "--in", "1h", "-m", "echo:echo", f"my key is {key}").code == 0
    for words in ((), ("--json",)):
        done = cli("schedule", "list", *words)
        assert "my key is [redacted]" in done.stdout
        assert key not in done.stdout
