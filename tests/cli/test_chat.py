import json
import re
import signal
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.facts import logged, wait_until
from tests.support.program import PROGRAM, Program
from tests.support.server import Answer, FakeVendor, Fault, Silence, ToolCalls
from tests.support.terminal import Terminal


class Chat(Terminal):
    """A chat on a terminal; what is typed waits for the prompt."""

    def __init__(
        self,
        vendor: FakeVendor | None,
        *arguments: str,
        cols: int = 80,
        env: Mapping[str, str] = {},
        wrap: str = 'exec "$@"',
    ) -> None:
        key = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url} if vendor else {}
        model = "openai:fake" if vendor else "echo:echo"
        argv = ["/bin/sh", "-c", wrap, "sh", str(PROGRAM), "chat", "-m", model, *arguments]
        super().__init__(argv, cols=cols, env={**key, **env})
        self._prompts = 0

    def type(self, keys: str) -> None:
        """Wait for the next prompt and type."""
        self._prompts += 1
        # Bracketed paste is switched on by each prompt, when keys come one by one.
        self.wait_until(lambda: self.raw.count(b"\x1b[?2004h") >= self._prompts, "the prompt")
        self.send(keys)

    def leave(self) -> None:
        """Wait for the next prompt and leave."""
        self.type("\x04")
        assert self.wait_end() == 0


def said(vendor: FakeVendor, number: int = -1) -> list[tuple[str, str]]:
    """What the model was given: role and text."""
    return [(message["role"], message.get("content") or "") for message in vendor.requests[number].body["messages"]]


# -- line by line, from a pipe


def test_each_line_of_stdin_is_a_message(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", input="one\n\ntwo\n")
    assert (done.stdout, done.code) == ("one\ntwo\n", 0)


def test_the_conversation_goes_on_from_line_to_line(cli: Program) -> None:
    with FakeVendor([Answer("first"), Answer("second")]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        cli("chat", "-m", "openai:fake", "-s", "be brief", input="a\nb\n", env=env)
        assert said(vendor) == [("system", "be brief"), ("user", "a"), ("assistant", "first"), ("user", "b")]


def test_a_failed_line_is_told_and_the_next_one_is_answered(cli: Program) -> None:
    with FakeVendor([Fault(400, "no such thing"), Answer("fine")]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        done = cli("chat", "-m", "openai:fake", input="a\nb\n", env=env)
        assert done.stdout == "fine\n"
        assert "no such thing" in done.stderr
        assert done.code == 1
        assert said(vendor) == [("user", "b")]


def test_stdin_that_is_no_text_is_refused(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", input=b"\xff\xfe\n")
    assert done.code == 2
    assert "not UTF-8" in done.stderr


def test_prompt_toolkit_is_not_imported_for_a_pipe(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", input="a\n", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.stdout == "a\n"
    assert "llmgine_cli.cli.talk.dialogue" in done.stderr
    assert "prompt_toolkit" not in done.stderr


def test_ctrl_c_ends_a_scripted_chat(cli: Program) -> None:
    with FakeVendor([Silence()]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        command = 'printf "a\\nb\\n" | { trap "" PIPE; "$@"; }'
        argv = [str(PROGRAM), "chat", "-m", "openai:fake"]
        with Terminal(["/bin/sh", "-c", command, "sh", *argv], env=env) as terminal:
            terminal.wait_for("thinking")
            terminal.send("\x03")
            assert terminal.wait_end() in {130, -signal.SIGINT}


# -- typed


def test_an_answer_is_rendered_and_the_model_is_shown_below() -> None:
    with Chat(None) as terminal:
        terminal.wait_for("echo:echo · session")
        terminal.type("some **bold** text\r")
        terminal.wait_for("\nsome bold text\n")
        terminal.leave()


def test_a_narrow_terminal_has_no_line_below() -> None:
    with Chat(None, cols=30) as terminal:
        terminal.type("hello\r")
        terminal.wait_for("\nhello\n")
        terminal.leave()
        assert " · session" not in terminal.raw.decode()


def test_alt_enter_and_ctrl_j_begin_a_new_line() -> None:
    with FakeVendor([Answer("ok")]) as vendor, Chat(vendor) as terminal:
        terminal.type("one\x1b\rtwo\nthree\r")
        terminal.wait_for("\nok")
        assert said(vendor) == [("user", "one\ntwo\nthree")]
        terminal.leave()


def test_pasted_newlines_are_kept() -> None:
    with FakeVendor([Answer("ok")]) as vendor, Chat(vendor) as terminal:
        terminal.type("\x1b[200~one\ntwo\x1b[201~\r")
        terminal.wait_for("\nok")
        assert said(vendor) == [("user", "one\ntwo")]
        terminal.leave()


def test_what_was_typed_is_remembered_for_its_owner_only(home: Path) -> None:
    with Chat(None) as terminal:
        terminal.type("a secret\r")
        terminal.wait_for("\na secret\n")
        terminal.leave()
    (path,) = home.rglob("chat_history")
    assert "a secret" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with Chat(None) as terminal:
        terminal.type("\x1b[A")
        terminal.wait_for("> a secret")
        terminal.send("\x03\x04")
        assert terminal.wait_end() == 0


def test_ctrl_c_at_the_prompt_clears_the_line() -> None:
    with FakeVendor([Answer("ok")]) as vendor, Chat(vendor) as terminal:
        terminal.type("wrong")
        terminal.wait_for("> wrong")
        terminal.send("\x03")
        terminal.wait_gone("> wrong")
        terminal.send("right\r")
        terminal.wait_for("\nok")
        assert said(vendor) == [("user", "right")]
        terminal.leave()


def test_ctrl_c_stops_an_answer_and_keeps_what_came() -> None:
    with FakeVendor([Answer("Half an", then="silence"), Answer("ok")]) as vendor, Chat(vendor) as terminal:
        terminal.type("go\r")
        terminal.wait_for("Half an")
        terminal.send("\x03")
        terminal.wait_for("stopped")
        terminal.type("on\r")
        terminal.wait_for("\nok")
        assert said(vendor) == [("user", "go"), ("assistant", "Half an"), ("user", "on")]
        terminal.leave()


def test_ctrl_c_before_anything_came_leaves_no_trace_in_the_conversation() -> None:
    with FakeVendor([Silence(), Answer("ok")]) as vendor, Chat(vendor) as terminal:
        terminal.type("go\r")
        wait_until(lambda: vendor.requests)
        terminal.send("\x03")
        terminal.wait_for("stopped")
        terminal.type("on\r")
        terminal.wait_for("\nok")
        assert said(vendor) == [("user", "on")]
        terminal.leave()


def test_an_error_does_not_end_the_chat_and_the_message_can_be_sent_again() -> None:
    vendor = FakeVendor([Fault(400, "out of \x1b[2Jorder"), Answer("better")])
    with vendor, Chat(vendor) as terminal:
        terminal.type("go\r")
        terminal.wait_for("out of ␛[2Jorder")
        terminal.type("/retry\r")
        terminal.wait_for("better")
        assert said(vendor) == [("user", "go")]
        terminal.leave()


def test_retry_forgets_the_answer_it_replaces() -> None:
    with FakeVendor([Answer("one"), Answer("two")]) as vendor, Chat(vendor) as terminal:
        terminal.type("go\r")
        terminal.wait_for("\none")
        terminal.type("/retry\r")
        terminal.wait_for("\ntwo")
        assert said(vendor) == [("user", "go")]
        terminal.leave()


def test_a_tool_call_is_approved_shown_and_answered() -> None:
    script = [ToolCalls(("calculate", {"expression": "6*7"}), text="Let me see."), Answer("It is **42**.")]
    with FakeVendor(script) as vendor, Chat(vendor, "-T", "calculate") as terminal:
        terminal.type("6*7?\r")
        terminal.wait_for("Allow?")
        terminal.send("y")
        terminal.wait_for("It is 42.")
        assert '✓ calculate(expression="6*7")' in terminal.screen()
        terminal.leave()


def test_ctrl_c_at_the_question_stops_the_turn_and_the_call_has_a_result() -> None:
    script = [ToolCalls(("calculate", {"expression": "6*7"})), Answer("ok")]
    with FakeVendor(script) as vendor, Chat(vendor, "-T", "calculate") as terminal:
        terminal.type("6*7?\r")
        terminal.wait_for("Allow?")
        terminal.send("\x03")
        terminal.wait_for("stopped")
        terminal.type("never mind\r")
        terminal.wait_for("\nok")
        assert [role for role, _ in said(vendor)] == ["user", "assistant", "tool", "user"]
        assert "by the user" in said(vendor)[2][1]
        terminal.leave()


def test_a_call_that_an_engine_left_without_a_result_has_one_when_it_was_stopped(tmp_path: Path) -> None:
    engine = tmp_path / "dawdler.py"
    engine.write_text(
        "import asyncio\n"
        "from llmgine_cli.api import Prompt, Run, engine\n\n"
        "@engine(uses_tools=True)\nasync def dawdler(prompt: Prompt, run: Run) -> None:\n"
        "    '''Asks, and then does nothing for as long as it takes.'''\n"
        "    await run.say(prompt)\n"
        "    reply = await run.ask(tools=run.tools)\n"
        "    if reply.tool_calls:\n"
        "        await run.status('dawdling')\n"
        "        await asyncio.Event().wait()\n"
    )
    script = [ToolCalls(("calculate", {"expression": "6*7"})), Answer("ok")]
    with FakeVendor(script) as vendor, Chat(vendor, "-T", "calculate", "-e", str(engine)) as terminal:
        terminal.type("6*7?\r")
        terminal.wait_for("dawdling")
        terminal.send("\x03")
        terminal.wait_for("stopped")
        terminal.type("never mind\r")
        terminal.wait_for("\nok")
        assert [role for role, _ in said(vendor)] == ["user", "assistant", "tool", "user"]
        assert "stopped by the user" in said(vendor)[2][1]
        terminal.leave()


def test_no_color_is_respected() -> None:
    with Chat(None, env={"NO_COLOR": "1"}) as terminal:
        terminal.type("# Title\r")
        terminal.wait_for("    Title")
        terminal.leave()
        assert not re.search(rb"\x1b\[[0-9;]*(3|4|9)[0-7][;m]", terminal.raw)


def test_a_dumb_terminal_can_chat() -> None:
    with Chat(None, env={"TERM": "dumb"}) as terminal:
        terminal.wait_for("\n>")
        terminal.send("**a**\r")
        terminal.wait_for("\n**a**\n\n>")
        terminal.send("\x04")
        assert terminal.wait_end() == 0


def test_the_answers_can_go_into_a_pipe_while_the_input_is_typed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Chat(None, wrap=f'exec "$@" > {out}') as terminal:
        terminal.type("**a**\r")
        terminal.leave()
    assert out.read_text() == "**a**\n"


def test_an_engine_that_raises_anything_does_not_end_the_chat(tmp_path: Path) -> None:
    engine = tmp_path / "broken.py"
    engine.write_text(
        "from llmgine_cli.api import Prompt, Run, engine\n\n"
        "@engine\nasync def broken(prompt: Prompt, run: Run) -> str:\n"
        "    '''Fails, or returns a text.'''\n"
        "    return {'fine': 'a *result*'}[prompt.text]\n"
    )
    with Chat(None, "-e", str(engine)) as terminal:
        terminal.type("bad\r")
        terminal.wait_for("KeyError: 'bad'")
        terminal.type("fine\r")
        terminal.wait_for("\na result\n")
        terminal.leave()


def test_an_engine_that_ends_the_program_does_not_end_the_chat(tmp_path: Path) -> None:
    engine = tmp_path / "leaver.py"
    engine.write_text(
        "import sys\n"
        "from llmgine_cli.api import Prompt, Run, engine\n\n"
        "@engine\nasync def leaver(prompt: Prompt, run: Run) -> str:\n"
        "    '''Leaves, or returns a text.'''\n"
        "    return sys.exit(3) if prompt.text == 'bad' else 'a result'\n"
    )
    with Chat(None, "-e", str(engine)) as terminal:
        terminal.type("bad\r")
        terminal.wait_for("engine leaver failed")
        terminal.type("fine\r")
        terminal.wait_for("\na result\n")
        terminal.leave()


# -- keys typed while an answer runs


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
        """Let one more answer through."""
        self._open.release()


def type_ahead(terminal: Terminal, keys: str) -> None:
    """Type while the spinner turns, and wait until it has gone on turning: what is echoed comes before that."""
    terminal.wait_until(lambda: b"thinking" in terminal.raw, "the spinner")
    terminal.send(keys)
    seen = terminal.raw.count(b"\r")
    terminal.wait_until(lambda: terminal.raw.count(b"\r") >= seen + 4, "the spinner's next turns")


def test_lines_typed_while_an_answer_runs_are_sent_afterwards() -> None:
    gate = Gate(Answer("first answer"), Answer("second answer"), Answer("third answer"))
    with FakeVendor(gate) as vendor, Chat(vendor) as terminal:
        terminal.type("one\r")
        type_ahead(terminal, "two\x15deux\rthree\r")
        assert b"two" not in terminal.raw
        assert b"deux" not in terminal.raw
        for _ in range(3):
            gate.open()
        terminal.wait_for("third answer")
        assert [text for role, text in said(vendor) if role == "user"] == ["one", "deux", "three"]
        terminal.wait_until(lambda: terminal.raw.count(b"\x1b[?2004h") == 4, "the last prompt")
        terminal.send("\x04")
        assert terminal.wait_end() == 0


def test_lines_typed_before_the_first_prompt_are_sent_when_it_comes() -> None:
    with FakeVendor([Answer("first answer"), Answer("second answer")]) as vendor, Chat(vendor) as terminal:
        terminal.send("oen\x7f\x7fne\rtwo\rthr")  # at once: the program has not even started
        terminal.wait_for("second answer")
        assert [text for role, text in said(vendor) if role == "user"] == ["one", "two"]
        terminal.send("ee")
        terminal.wait_for("> three")
        terminal.send("\x15\x04")
        assert terminal.wait_end() == 0


def test_ctrl_c_sends_nothing_of_what_was_typed_under_the_answer_and_loses_nothing_of_it() -> None:
    gate = Gate(Answer("first answer"), Answer("second answer"))
    with FakeVendor(gate) as vendor, Chat(vendor) as terminal:
        terminal.type("one\r")
        type_ahead(terminal, "two\rthree\r")
        terminal.send("\x03")
        terminal.wait_for("stopped")
        terminal.wait_for("> two\n  three")
        assert len(vendor.requests) == 1
        gate.open()
        gate.open()
        terminal.send("\r")
        terminal.wait_for("second answer")
        assert said(vendor)[-1] == ("user", "two\nthree")
        terminal.wait_until(lambda: terminal.raw.count(b"\x1b[?2004h") == 3, "the last prompt")
        terminal.send("\x04")
        assert terminal.wait_end() == 0


def test_ctrl_c_leaves_the_search_in_the_history_and_enter_takes_what_was_found() -> None:
    with Chat(None) as terminal:
        terminal.type("an old question\r")
        terminal.type("\x12xyz")
        terminal.wait_for("I-search backward")
        terminal.send("\x03")
        terminal.wait_gone("I-search backward")
        terminal.send("\x12old")
        terminal.wait_for("I-search backward")
        terminal.send("\r")
        terminal.wait_gone("I-search backward")
        terminal.wait_for("> an old question")
        terminal.send("\x05\x15\x04")
        assert terminal.wait_end() == 0


def test_ctrl_z_at_the_prompt_gives_the_terminal_to_the_shell() -> None:
    wrap = 'set -m; "$@"; echo "stopped with $?"; fg; echo "left with $?"'
    with Chat(None, wrap=wrap) as terminal:
        terminal.type("\x1a")
        terminal.wait_for("stopped with 14")
        terminal.wait_until(lambda: terminal.raw.count(b"\x1b[?2004h") >= 2, "the prompt again")
        terminal.send("\x04")
        terminal.wait_for("left with 0")
        assert terminal.wait_end() == 0


def test_keys_typed_before_a_question_are_no_answer_to_it_and_those_typed_after_it_are_kept() -> None:
    gate = Gate(ToolCalls(("calculate", {"expression": "6*7"})), Answer("first answer"), Answer("second answer"))
    with FakeVendor(gate) as vendor, Chat(vendor, "-T", "calculate") as terminal:
        terminal.type("one\r")
        type_ahead(terminal, "y")
        gate.open()
        terminal.wait_for("Allow?")
        terminal.send("\r")
        terminal.wait_for("[N] no: no")
        wait_until(lambda: len(vendor.requests) == 2)
        type_ahead(terminal, "two\r")
        gate.open()
        gate.open()
        terminal.wait_for("second answer")
        assert [role for role, _ in said(vendor)] == ["user", "assistant", "tool", "assistant", "user"]
        assert said(vendor)[-1] == ("user", "two")
        assert "42" not in said(vendor)[2][1]
        terminal.leave()


LEAVINGS = {
    "ctrl-d": ["\x04"],
    "exit": ["/exit\r"],
    "quit": ["/quit\r"],
    "ctrl-c in an answer": ["wait\r", "\x03", "\x04"],
    "sigterm": ["die\r"],
}


@pytest.mark.parametrize("keys", LEAVINGS.values(), ids=LEAVINGS)
def test_the_terminal_is_left_as_it_was(tmp_path: Path, keys: list[str]) -> None:
    engine = tmp_path / "waiter.py"
    engine.write_text(
        "import asyncio, os, signal\n"
        "from llmgine_cli.api import Prompt, Run, engine\n\n"
        "@engine\nasync def waiter(prompt: Prompt, run: Run) -> str:\n"
        "    '''Waits, or has the program ended.'''\n"
        "    await run.status('waiting')\n"
        "    if prompt.text == 'die':\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await asyncio.Event().wait()\n"
        "    return ''\n"
    )
    with Chat(None, "-e", str(engine), wrap='trap : INT; stty -a; "$@"; echo; echo AFTER; stty -a') as terminal:
        for key in keys:
            if key == "\x03":
                terminal.wait_for("waiting")
                terminal.send(key)
            else:
                terminal.type(key)
        terminal.wait_end()
        shown = terminal.raw.decode().replace("\r", "")
        before, after = shown.partition("speed")[2], shown.partition("AFTER\n")[2].partition("speed")[2]
        assert "icrnl" in after
        assert before.startswith(after.rstrip())


# -- slash commands


def typed(*lines: str, vendor: FakeVendor | None = None, env: Mapping[str, str] = {}) -> list[str]:
    """Type these lines into a chat, leave it, and return the rows of its screen."""
    with Chat(vendor, cols=200, env=env) as terminal:
        for line in lines:
            terminal.type(f"{line}\r")
        terminal.leave()
        return [row.rstrip() for row in terminal.everything().splitlines()]


def test_help_lists_every_command() -> None:
    shown = "\n".join(typed("/help"))
    for name in ("help", "model", "tools", "retry", "clear", "save", "exit"):
        assert f"/{name} " in shown


def test_on_a_narrow_terminal_help_stands_beside_its_command() -> None:
    with Chat(None, cols=60) as terminal:
        terminal.type("/help\r")
        terminal.leave()
        rows = [row.rstrip() for row in terminal.everything().splitlines()]
    at = next(number for number, row in enumerate(rows) if row.startswith("/attach"))
    assert rows[at].endswith("send a picture, PDF or text")
    assert rows[at + 1].strip() == "file with the next message"
    assert rows[at + 1].startswith(" " * 20)


def test_an_unknown_command_names_the_nearest() -> None:
    assert any("no command named '/modle' (did you mean /model?)" in row for row in typed("/modle"))


@pytest.mark.parametrize("text", ["/usr/bin/env is gone", "/ 2", " /help"])
def test_what_only_looks_like_a_command_is_a_message(text: str) -> None:
    assert text.strip() in typed(text)


def test_what_is_piped_in_is_never_a_command(cli: Program, tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    lines = f"hello\n/save! {path}\n/tools read_file\n/exit\nbye\n"
    done = cli("chat", "-m", "echo:echo", input=lines)
    assert done.stdout == lines
    assert not path.exists()
    assert "granted" not in done.stderr


def test_exit_leaves() -> None:
    with Chat(None) as terminal:
        terminal.type("/exit\r")
        assert terminal.wait_end() == 0


def test_clear_forgets() -> None:
    with FakeVendor([Answer("1"), Answer("2")]) as vendor:
        typed("a", "/clear", "b", vendor=vendor)
        assert said(vendor) == [("user", "b")]


def test_after_clear_and_after_a_failed_first_turn_the_template_opens_again(tmp_path: Path) -> None:
    template = tmp_path / "opener.md"
    template.write_text("Say hello.", encoding="utf-8")
    script: list[Answer | Fault] = [Fault(400, "out of order"), Answer("1"), Answer("2"), Answer("3")]
    with FakeVendor(script) as vendor, Chat(vendor, "-t", str(template)) as terminal:
        for line in ("a", "b", "c", "/clear", "d"):
            terminal.type(f"{line}\r")
        terminal.leave()
        failed, first, second, anew = ([text for _, text in said(vendor, number)] for number in range(4))
        assert failed == ["Say hello.", "a"]
        assert first == ["Say hello.", "b"]
        assert second == ["Say hello.", "b", "1", "c"]
        assert anew == ["Say hello.", "d"]


def test_model_shows_and_changes_the_model() -> None:
    with FakeVendor([Answer("from the vendor")]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        rows = typed("/model", "/model openai:fake", "a", "/model nosuch:x", env=env)
    assert any(row.startswith("model: echo:echo (") for row in rows)
    assert "model: openai:fake" in rows
    assert "from the vendor" in rows
    assert any("nosuch" in row and row.startswith("llmgine:") for row in rows)


def test_tools_shows_and_grants_tools() -> None:
    rows = typed("/tools", "/tools calculate current_time", "/tools nosuch", "/tools none")
    assert [row for row in rows if row.startswith("granted:")] == [
        "granted: none", "granted: calculate, current_time", "granted: none",
    ]  # fmt: skip
    assert any("calculate" in row for row in rows if row.startswith("others:"))
    assert any("'nosuch'" in row for row in rows)


def test_save_writes_markdown_and_never_over_a_file_unasked(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    typed("hello", f"/save {path}")
    assert path.read_text() == "## user\n\nhello\n\n## assistant\n\nhello\n"
    path.write_text("mine")
    assert any("exists" in row for row in typed("hello", f"/save {path}"))
    assert path.read_text() == "mine"
    typed("hello", f"/save! {path}")
    assert path.read_text().startswith("## user")


def test_save_without_a_name_or_into_nowhere_is_told() -> None:
    shown = "\n".join(typed("/save", "/save /no/such/folder/x.md"))
    assert "needs the name of a file" in shown
    assert "cannot write /no/such/folder/x.md" in shown


def test_a_turn_that_fails_after_a_tool_has_acted_is_not_forgotten() -> None:
    script: list[Answer | Fault] = [
        ToolCalls(("calculate", {"expression": "6*7"})), Fault(400, "out of order"), Answer("ok"),
    ]  # fmt: skip
    with FakeVendor(script) as vendor, Chat(vendor, "-T", "calculate", "--approve", "all") as terminal:
        terminal.type("go\r")
        terminal.wait_for("out of order")
        terminal.type("on\r")
        terminal.wait_for("\nok")
        assert [role for role, _ in said(vendor)] == ["user", "assistant", "tool", "user"]
        terminal.leave()


def test_retry_begins_a_failed_turn_again_also_when_a_tool_has_acted_in_it() -> None:
    script: list[Answer | Fault] = [
        ToolCalls(("calculate", {"expression": "6*7"})), Fault(400, "out of order"), Answer("ok"),
    ]  # fmt: skip
    with FakeVendor(script) as vendor, Chat(vendor, "-T", "calculate", "--approve", "all") as terminal:
        terminal.type("go\r")
        terminal.wait_for("out of order")
        terminal.type("/retry\r")
        terminal.wait_for("\nok")
        assert said(vendor) == [("user", "go")]
        terminal.leave()


def test_a_chat_without_a_log_promises_no_way_back_and_says_so_in_its_exit_code(cli: Program, home: Path) -> None:
    (home / "state").mkdir()
    (home / "state" / "logs").write_text("a file where the folder should be", encoding="utf-8")
    done = cli("chat", "-m", "echo:echo", input="a\n")
    assert (done.code, done.stdout) == (6, "a\n")
    assert "--continue" not in done.stderr


# -- going on


def test_continue_goes_on_with_the_latest_conversation(cli: Program) -> None:
    cli("chat", "-m", "echo:echo", "-s", "be brief", input="first\n")
    with FakeVendor([Answer("ok")]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        done = cli("chat", "-m", "openai:fake", "--continue", input="second\n", env=env)
        assert said(vendor) == [("system", "be brief"), ("user", "first"), ("assistant", "first"), ("user", "second")]
        assert "going on with 3 messages; the last question: first" in done.stderr


def test_the_way_back_is_told_and_works(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", input="first\n")
    found = re.search(r"--session (\w+)", done.stderr)
    assert found
    cli("chat", "-m", "echo:echo", input="another\n")
    with FakeVendor([Answer("ok")]) as vendor:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": vendor.url}
        cli("chat", "-m", "openai:fake", "--session", found[1], input="second\n", env=env)
        assert [text for _, text in said(vendor)] == ["first", "first", "second"]


def test_an_interrupted_answer_is_continued_as_it_stood() -> None:
    script = [Answer("Half an", then="silence"), Answer("ok")]
    with FakeVendor(script) as vendor:
        with Chat(vendor) as terminal:
            terminal.type("go\r")
            terminal.wait_for("Half an")
            terminal.send("\x03")
            terminal.wait_for("stopped")
            terminal.leave()
        with Chat(vendor, "-c") as terminal:
            terminal.wait_for("going on with 2 messages")
            terminal.type("on\r")
            terminal.wait_for("\nok")
            terminal.leave()
        assert said(vendor) == [("user", "go"), ("assistant", "Half an"), ("user", "on")]


def test_continue_with_nothing_to_continue_is_told(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", "-c", input="a\n")
    assert done.code == 2
    assert "no conversation to go on with" in done.stderr


def test_without_a_log_no_way_back_is_promised(cli: Program, home: Path) -> None:
    done = cli("chat", "-m", "echo:echo", "--no-log", input="a\n")
    assert "--continue" not in done.stderr
    assert not list(home.rglob("*.jsonl"))


def test_everything_typed_and_answered_is_in_the_log(cli: Program, home: Path) -> None:
    cli("chat", "-m", "echo:echo", input="a\n")
    (path,) = home.rglob("*.jsonl")
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [event["message"]["role"] for event in events if event["event_type"] == "MessageAdded"] == [
        "user", "assistant",
    ]  # fmt: skip


def test_a_chat_whose_terminal_is_gone_ends_as_if_it_was_left(home: Path) -> None:
    with Chat(None, wrap='trap "" HUP; exec "$@"') as chat:
        chat.type("hello\r")
        chat.wait_for("\nhello")
        chat.type("")  # it waits for more
        chat.hang_up()
        wait_until(lambda: "SessionEnded" in {event["event_type"] for event in logged(home)})
    (ended,) = (event for event in logged(home) if event["event_type"] == "SessionEnded")
    assert ended["error"] is None


@pytest.mark.parametrize("word", ["exit", "quit", "Exit "])
def test_the_words_that_end_other_programs_end_the_chat_when_they_are_typed(word: str) -> None:
    with FakeVendor([]) as vendor, Chat(vendor) as terminal:
        terminal.type(f"{word}\r")
        assert terminal.wait_end() == 0
        assert vendor.requests == []


def test_piped_in_they_are_words(cli: Program) -> None:
    assert "exit" in cli("chat", "-m", "echo:echo", input="exit\n").stdout


def test_the_system_message_can_be_seen_and_changed() -> None:
    with FakeVendor([Answer("one"), Answer("two")]) as vendor, Chat(vendor, "-s", "Be brief.") as terminal:
        terminal.type("/system\r")
        terminal.wait_for("system message: Be brief.")
        terminal.type("/system Be a pirate.\r")
        terminal.wait_for("system message: Be a pirate.")
        terminal.type("first\r")
        terminal.wait_for("one")
        assert said(vendor)[0] == ("system", "Be a pirate.")
        terminal.type("/system Be a poet.\r")
        terminal.wait_for("system message: Be a poet.")
        terminal.type("second\r")
        terminal.wait_for("two")
        assert [text for role, text in said(vendor) if role == "system"] == ["Be a poet."]
        terminal.type("\x04")
        assert terminal.wait_end() == 0


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("/mod\t", "> /model"),
        ("/model echo:e\t", "> /model echo:echo"),
        ("/tools calculate curr\t", "> /tools calculate current_time"),
        ("/attach pict\t", "> /attach picture.png"),
        ("mod\t", "> mod"),
    ],
)
def test_tab_completes_commands_models_tools_and_files(typed: str, completed: str) -> None:
    Path("picture.png").write_bytes(b"x")
    with Chat(None) as terminal:
        terminal.type(typed)
        terminal.wait_until(lambda: completed in [row.rstrip() for row in terminal.screen().split("\n")], completed)
        terminal.send("\x15\x04")
        assert terminal.wait_end() == 0


def test_ctrl_c_in_the_middle_of_a_paste_keeps_what_had_come_of_it() -> None:
    gate = Gate(Answer("first answer"))
    with FakeVendor(gate) as vendor, Chat(vendor) as terminal:
        terminal.type("one\r")
        type_ahead(terminal, "\x1b[200~größe line\nsecond")
        terminal.send("\x03")
        terminal.wait_for("stopped")
        terminal.wait_for("> größe line\n  second")
        gate.open()
        terminal.send("\x15\x7f\x15\x04")
        assert terminal.wait_end() == 0
