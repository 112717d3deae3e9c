"""Attachments on the command line: -a, --attachment-type, -f and /attach."""

import base64
import json
import os
import stat
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_chat import Chat
from tests.cli.test_run import vendor_env
from tests.support.pictures import PDF, PNG, png
from tests.support.program import Completed, Program
from tests.support.server import Answer, FakeVendor, Fault
from tests.support.serving import Serving

DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
LARGE = png(50_000)


@pytest.fixture(autouse=True)
def files() -> None:
    """A picture, a paper and notes in the folder one stands in."""
    Path("dot.png").write_bytes(PNG)
    Path("large.png").write_bytes(LARGE)
    Path("paper.pdf").write_bytes(PDF)
    Path("notes.txt").write_text("buy milk\n")


def run(cli: Program, vendor: FakeVendor, *arguments: str, **more: Any) -> Completed:
    return cli("run", "-m", "openai:gpt-4.1-mini", *arguments, env=vendor_env(vendor), **more)


def sent(vendor: FakeVendor, number: int = 0, message: int = -1) -> Any:
    """The content of a message as the vendor got it."""
    return vendor.requests[number].body["messages"][message]["content"]


def picture(data: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"}}


def test_pictures_papers_and_notes_go_before_the_prompt(cli: Program) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        done = run(cli, vendor, "-a", "dot.png", "-a", "paper.pdf", "--attachment", "notes.txt", "Compare.")
        parts = sent(vendor)
    assert done.code == 0, done.stderr
    assert parts[0] == {"type": "image_url", "image_url": {"url": DATA_URL}}
    assert parts[1]["type"] == "file"
    assert parts[1]["file"]["filename"] == "paper.pdf"
    assert parts[2:] == [
        {"type": "text", "text": '<file name="notes.txt">\nbuy milk\n</file>\n\n'},
        {"type": "text", "text": "Compare."},
    ]


def test_text_alone_is_one_text(cli: Program) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        run(cli, vendor, "-a", "notes.txt", "What?")
        assert sent(vendor) == '<file name="notes.txt">\nbuy milk\n</file>\n\nWhat?'


def test_anthropic_gets_its_own_form(cli: Program) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": vendor.root}
        done = cli("run", "-m", "anthropic:claude-sonnet-4-5", "-a", "dot.png", "-a", "paper.pdf", "What?", env=env)
        kinds = [block["type"] for block in sent(vendor)]
    assert done.code == 0, done.stderr
    assert kinds == ["image", "document", "text"]


def test_a_dash_is_the_bytes_of_stdin_which_then_is_no_text(cli: Program) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        done = run(cli, vendor, "-a", "-", "What?", input=PNG)
        assert sent(vendor) == [picture(PNG), {"type": "text", "text": "What?"}]
    assert done.code == 0, done.stderr


def test_a_dry_run_names_what_would_be_sent(cli: Program) -> None:
    done = cli("run", "-m", "echo:echo", "-a", "dot.png", "-a", "paper.pdf", "-a", "notes.txt", "What?")
    assert done.stdout == '[dot.png]\n[paper.pdf]\n<file name="notes.txt">\nbuy milk\n</file>\n\nWhat?\n'


def test_an_attachment_alone_is_a_prompt(cli: Program) -> None:
    with FakeVendor([Answer("a dot")]) as vendor:
        assert run(cli, vendor, "-a", "dot.png").stdout == "a dot\n"
        assert sent(vendor) == [picture(PNG)]


def test_the_type_can_be_said_of_a_path_with_any_character(cli: Program) -> None:
    Path("a=b, c.bin").write_bytes(b"\0\1")
    with FakeVendor([Answer("ok")]) as vendor:
        done = run(cli, vendor, "--attachment-type", "a=b, c.bin", "application/pdf", "What?")
        assert sent(vendor)[0]["file"]["filename"] == "a=b, c.bin"
    assert done.code == 0, done.stderr


def test_a_template_takes_attachments_with_its_last_message(cli: Program) -> None:
    Path("look.md").write_text("Describe it: {input}")
    with FakeVendor([Answer("ok")]) as vendor:
        run(cli, vendor, "-t", "./look.md", "-a", "dot.png", "briefly")
        assert sent(vendor) == [picture(PNG), {"type": "text", "text": "Describe it: briefly"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-a", "gone.png", "x"], "cannot read the attachment gone.png: No such file or directory"),
        (["-a", ".", "x"], "cannot read the attachment .: Is a directory"),
        (["-a", "-", "-a", "-", "x"], "stdin can be attached once"),
        (["--attachment-type", "dot.png"], "--attachment-type needs a path and a type"),
        (["--attachment-type", "dot.png", "png", "x"], "'png' is no media type"),
        (["-a", "http://", "x"], "'http://' is no address"),
        (["-a", "https://[::1/x.png", "x"], "'https://[::1/x.png' is no address"),
        (["-a", os.fsdecode(b"https://acme.test/\xff.png"), "x"], "is no address"),
        (["-f", os.fsdecode(b"https://acme.test/\xff.txt"), "x"], "is no address"),
        (["-f", "dot.png", "x"], "the fragment dot.png is no UTF-8 text"),
        (["-f", "gone.txt", "x"], "cannot read the fragment gone.txt"),
    ],
)
def test_what_cannot_be_attached_is_told_before_anything_is_sent(cli: Program, arguments: list[str], said: str) -> None:
    with FakeVendor([]) as vendor:
        done = run(cli, vendor, *arguments)
        assert vendor.requests == []
    assert (done.stdout, done.code) == ("", 2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_limit_is_a_setting(cli: Program) -> None:
    with FakeVendor([]) as vendor:
        env = {**vendor_env(vendor), "LLMGINE_LIMITS__ATTACHMENT_MB": "0.01"}
        done = cli("run", "-m", "openai:gpt-4.1-mini", "-a", "large.png", "x", env=env)
    assert done.code == 2
    assert f"the attachment large.png has {len(LARGE):,} bytes, and the limit is 10,000 bytes" in done.stderr


def test_pictures_for_a_model_without_eyes_are_refused(cli: Program, home: Path) -> None:
    with FakeVendor([]) as vendor:
        done = cli("run", "-m", "openai:o3-mini", "-a", "dot.png", "What?", env=vendor_env(vendor))
        assert vendor.requests == []
    assert (done.stdout, done.code) == ("", 2)
    assert done.stderr == (
        "llmgine: openai:o3-mini takes no pictures, as dot.png is (take a model that does: -m provider:model)\n"
    )


# -- addresses


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A site on loopback with the same files."""

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path / "work"))

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    with Serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def test_a_picture_by_address_is_fetched_by_a_vendor_that_does_that(cli: Program) -> None:
    with FakeVendor([Answer("ok")]) as vendor:
        done = run(cli, vendor, "-a", "https://example.com/cat.png?size=1", "What?")
        assert sent(vendor)[0] == {"type": "image_url", "image_url": {"url": "https://example.com/cat.png?size=1"}}
    assert done.code == 0, done.stderr


def test_for_other_vendors_and_for_papers_and_notes_we_fetch(cli: Program, site: str) -> None:
    with FakeVendor([Answer("ok"), Answer("ok")]) as vendor:
        env = {"LMSTUDIO_BASE_URL": vendor.url, **vendor_env(vendor)}
        done = cli("run", "-m", "lmstudio:m", "-a", f"{site}/dot.png", "-a", f"{site}/notes.txt", "What?", env=env)
        assert done.code == 0, done.stderr
        assert sent(vendor)[0] == picture(PNG)
        assert sent(vendor)[1]["text"].startswith('<file name="notes.txt">')
        done = run(cli, vendor, "-a", f"{site}/paper.pdf", "What?")
        assert done.code == 0, done.stderr
        assert sent(vendor, 1)[0]["file"]["filename"] == "paper.pdf"


def test_what_is_not_at_an_address_is_told(cli: Program, site: str) -> None:
    with FakeVendor([]) as vendor:
        done = run(cli, vendor, "-a", f"{site}/gone.pdf", "What?")
        assert vendor.requests == []
    assert (done.stdout, done.code) == ("", 2)
    assert f"cannot fetch {site}/gone.pdf: the server answers 404" in done.stderr


# -- fragments


def test_fragments_come_before_stdin_and_the_prompt(cli: Program, site: str) -> None:
    Path("rules.txt").write_text("\ufeffBe brief.\n")
    done = cli("run", "-m", "echo:echo", "-f", "rules.txt", "-f", f"{site}/notes.txt", "What?", input="piped\n")
    assert done.stdout == "Be brief.\n\nbuy milk\n\npiped\n\nWhat?\n"


def test_a_fragment_alone_is_a_prompt(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", "-f", "notes.txt").stdout == "buy milk\n"


# -- the log


def test_a_conversation_goes_on_with_what_was_attached(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("a dot"), Answer("red")]) as vendor:
        assert run(cli, vendor, "-a", "large.png", "-a", "dot.png", "What is it?").code == 0
        done = run(cli, vendor, "-c", "Which colour?")
        assert sent(vendor, 1, 0) == [picture(LARGE), picture(PNG), {"type": "text", "text": "What is it?"}]
    assert (done.stdout, done.code) == ("red\n", 0)
    (log,) = home.rglob("events_*.jsonl")
    assert log.stat().st_size < 20_000
    (kept,) = (log.parent / "attachments").iterdir()
    assert kept.read_bytes() == LARGE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_what_was_removed_meanwhile_is_told_to_the_user_and_the_model(cli: Program, home: Path) -> None:
    with FakeVendor([Answer("a dot"), Answer("red")]) as vendor:
        run(cli, vendor, "-a", "large.png", "What is it?")
        next(home.rglob("attachments/*")).unlink()
        done = run(cli, vendor, "-c", "Which colour?")
        assert sent(vendor, 1, 0).startswith("[large.png was here, and is not kept any more]")
    assert done.code == 0
    assert "attachments are not kept any more, and the model is told so: large.png" in done.stderr


def test_secrets_in_a_text_file_do_not_reach_the_log(cli: Program, home: Path) -> None:
    key = "sk-proj-" + "a1B2" * 10
    Path("secret.env").write_text(f"KEY={key}\n")
    assert cli("run", "-m", "echo:echo", "-a", "secret.env", "x").code == 0
    (log,) = home.rglob("events_*.jsonl")
    assert key not in log.read_text()
    assert "[redacted]" in log.read_text()


def test_the_log_names_attachments_and_a_page_shows_pictures(cli: Program) -> None:
    with FakeVendor([Answer("a dot")]) as vendor:
        run(cli, vendor, "-a", "large.png", "-a", "paper.pdf", "What is it?")
    shown = cli("logs", "show").stdout
    assert "[image: large.png]" in shown
    assert "[file: paper.pdf]" in shown
    assert "[image: large.png]" in cli("logs", "export", "--format", "md").stdout
    assert base64.b64encode(LARGE).decode() in cli("logs", "export", "--format", "html").stdout
    request = json.loads(cli("logs", "export", "--format", "openai").stdout)
    assert request["messages"][0]["content"][0] == picture(LARGE)


def test_a_session_is_told_by_its_question_and_not_by_a_file_quoted_before_it(cli: Program) -> None:
    assert cli("run", "-m", "echo:echo", "-a", "notes.txt", "What do I need?").code == 0
    assert "What do I need?" in cli("logs", "list").stdout
    assert cli("logs", "export", "--format", "md").stdout.startswith("# What do I need?\n")
    assert "the last question: What do I need?" in cli("run", "-c", "--verbose", "And?").stderr


def test_prune_takes_attachments_that_no_session_has(cli: Program, home: Path) -> None:
    import os

    with FakeVendor([Answer("a dot")]) as vendor:
        run(cli, vendor, "-a", "large.png", "What is it?")
    (kept,) = home.rglob("attachments/*")
    assert cli("logs", "prune", "--keep", "5", "--yes").code == 0
    os.utime(kept, (1e9, 1e9))
    assert cli("logs", "prune", "--keep", "5", "--yes").stderr == "nothing to delete\n"
    would = cli("logs", "prune", "--keep", "0")
    assert "would delete 1 session and 1 attachment" in would.stderr
    assert kept.exists()
    done = cli("logs", "prune", "--keep", "0", "--yes")
    assert "deleted 1 session and 1 attachment" in done.stderr
    assert not kept.exists()


# -- later


def test_a_prompt_that_runs_later_has_what_was_attached_when_it_was_added(cli: Program) -> None:
    with FakeVendor([Answer("a dot")]) as vendor:
        env = vendor_env(vendor)
        added = cli("schedule", "add", "--in", "0s", "-m", "openai:gpt-4.1-mini", "-a", "large.png", "What?", env=env)
        assert added.code == 0, added.stderr
        Path("large.png").unlink()
        done = cli("schedule", "run", "--once", env=env)
        assert sent(vendor) == [picture(LARGE), {"type": "text", "text": "What?"}]
    assert (done.stdout, done.code) == ("a dot\n", 0)


# -- chat


def test_in_a_chat_it_goes_with_the_first_message(cli: Program) -> None:
    with FakeVendor([Answer("a dot"), Answer("red")]) as vendor:
        done = cli(
            "chat", "-m", "openai:gpt-4.1-mini", "-a", "dot.png", input="What?\nColour?\n", env=vendor_env(vendor)
        )
        assert sent(vendor, 1, 0) == [picture(PNG), {"type": "text", "text": "What?"}]
        assert sent(vendor, 1) == "Colour?"
    assert done.stdout == "a dot\nred\n"


def test_in_a_chat_stdin_is_no_attachment(cli: Program) -> None:
    done = cli("chat", "-m", "echo:echo", "-a", "-", input="x")
    assert (done.stdout, done.code) == ("", 2)
    assert "stdin is where the messages of a chat come from" in done.stderr


def test_attach_sends_a_file_with_the_next_message_also_when_that_has_to_be_sent_again() -> None:
    fault = Fault(400, "no", "invalid_request_error")
    with FakeVendor([fault, Answer("a dot"), Answer("red")]) as vendor, Chat(vendor) as chat:
        chat.type("/attach dot.png\r")
        chat.wait_for("with the next message: dot.png")
        chat.type("/attach gone.png\r")
        chat.wait_for("cannot read the attachment gone.png")
        chat.type("What is it?\r")
        chat.type("/retry\r")
        chat.wait_for("a dot")
        chat.type("/attach\r")
        chat.wait_for("with the next message: nothing")
        chat.type("Colour?\r")
        chat.wait_for("red")
        chat.leave()
        assert sent(vendor, 0) == sent(vendor, 1) == [picture(PNG), {"type": "text", "text": "What is it?"}]
        assert sent(vendor, 2) == "Colour?"
