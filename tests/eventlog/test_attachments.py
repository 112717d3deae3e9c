"""Large attachments stand beside the log, once, and come back from there."""

import json
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from llmgine_cli.bus import CommandStarted
from llmgine_cli.engine import Prompt
from llmgine_cli.eventlog.attachments import INLINE, Attachments
from llmgine_cli.eventlog.conversation import rebuild, recall
from llmgine_cli.llm.messages import File, Image, Message, Text, user
from tests.support.pictures import PDF, png
from tests.support.session import Session

LARGE = Image(media_type="image/png", data=png(100_000), name="photo.png")
PAPER = File(name="paper.pdf", media_type="application/pdf", data=PDF + b"%" * 50_000)
DIGEST = sha256(LARGE.data or b"").hexdigest()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def kept(logs: Path) -> list[Path]:
    return sorted((logs / "attachments").iterdir())


def lines(session: Session) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in session.path.read_bytes().splitlines())


def test_a_line_of_the_log_has_the_digest_in_place_of_the_bytes(logs: Path) -> None:
    session = Session(logs)
    session.say(Message("user", (LARGE, Text("What is it?"))), at=1)
    *_, line = lines(session)
    part, text = line["message"]["parts"]  # type: ignore[index]
    assert (part["data"], part["digest"], part["name"]) == ("", DIGEST, "photo.png")
    assert text["text"] == "What is it?"
    assert session.path.stat().st_size < 2000


def test_the_bytes_are_kept_once_for_the_user_alone(logs: Path) -> None:
    session = Session(logs)
    prompt = Prompt(text="x", attachments=(LARGE,), session_id=session.session_id, parent_id=None)
    session.write(CommandStarted, 1, prompt.command_id, command=prompt)
    for moment in (2, 3):
        session.say(Message("user", (LARGE,)), at=moment)
    (file,) = kept(logs)
    assert file.name == DIGEST
    assert file.read_bytes() == LARGE.data
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert session.path.stat().st_size < 4000


def test_a_small_one_stays_in_its_line(logs: Path) -> None:
    session = Session(logs)
    small = Image(media_type="image/png", data=png(), name="dot.png")
    session.say(Message("user", (small,)), at=1)
    assert not (logs / "attachments").exists()
    assert rebuild(session.path) == (Message("user", (small,)),)


def test_a_small_one_beside_a_large_one_stays_too(logs: Path) -> None:
    session = Session(logs)
    small = Image(media_type="image/png", data=png(), name="dot.png")
    session.say(Message("user", (small, LARGE)), at=1)
    assert [file.name for file in kept(logs)] == [DIGEST]
    assert [part["data"] == "" for part in list(lines(session))[-1]["message"]["parts"]] == [False, True]  # type: ignore[index]
    assert rebuild(session.path) == (Message("user", (small, LARGE)),)


def test_a_long_line_without_attachments_is_as_it_was(logs: Path) -> None:
    session = Session(logs)
    session.say(user('{"type": "image", "data": "' + "A" * 2 * INLINE + '"}'), at=1)
    *_, line = lines(session)
    assert line["message"]["parts"][0]["text"].count("A") == 2 * INLINE  # type: ignore[index]
    assert not (logs / "attachments").exists()


def test_what_only_looks_like_one_of_ours_stays(logs: Path) -> None:
    line = json.dumps({"type": "image", "data": "no base64 " * 1000}, separators=(",", ":")).encode()
    assert json.loads(Attachments(logs).taken_out(line)) == json.loads(line)


def test_a_conversation_comes_back_with_its_bytes(logs: Path) -> None:
    session = Session(logs)
    said = (Message("user", (LARGE, PAPER, Text("Compare."))), user("And now?"))
    for moment, message in enumerate(said):
        session.say(message, at=moment)
    assert rebuild(session.path) == said
    assert recall(session.path).messages == said
    assert recall(session.path).gone == ()


@pytest.mark.parametrize("content", [None, b"something else"])
def test_bytes_that_are_gone_or_others_are_told_to_the_model_and_to_the_user(logs: Path, content: bytes | None) -> None:
    session = Session(logs)
    session.say(Message("user", (LARGE, Text("What is it?"))), at=1)
    (file,) = kept(logs)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    earlier = recall(session.path)
    assert earlier.gone == ("photo.png",)
    assert earlier.messages[0].text == "[photo.png was here, and is not kept any more]\n\nWhat is it?"


@pytest.mark.parametrize("digest", ["../../secret", "0" * 63, "A" * 64, ""])
def test_a_digest_that_is_none_leads_nowhere(logs: Path, digest: str) -> None:
    (logs / "attachments").mkdir(parents=True)
    (logs.parent / "secret").write_text("s")
    image = Image(media_type="image/png", data=b"", digest=digest, name="x")
    (message,), gone = Attachments(logs).filled([Message("user", (image,))])
    assert gone == ("x",)
    assert message.parts[0] == Text("[x was here, and is not kept any more]\n\n")


def test_what_looks_like_a_key_in_a_picture_stays(logs: Path) -> None:
    from base64 import b64decode

    data = b64decode("AAA/AIza" + "Ab12" * 2000)
    session = Session(logs)
    session.say(Message("user", (Image(media_type="image/png", data=data),)), at=1)
    assert rebuild(session.path)[0].parts == (Image(media_type="image/png", data=data),)


def test_secrets_beside_a_picture_do_not_stay(logs: Path) -> None:
    session = Session(logs)
    key = "AIza" + "Ab12" * 10
    session.say(Message("user", (LARGE, Text(f"my key is {key}"))), at=1)
    assert key.encode() not in session.path.read_bytes()
    assert rebuild(session.path)[0].parts == (LARGE, Text("my key is [redacted]"))


def test_a_folder_that_cannot_be_written_loses_the_event_and_says_so(logs: Path) -> None:
    session = Session(logs)
    (logs / "attachments").write_text("a file where the folder would be")
    session.say(Message("user", (LARGE,)), at=1)
    session.say(user("and this"), at=2)
    events = list(lines(session))
    assert [event["event_type"] for event in events] == ["SessionStarted", "EventsLost", "MessageAdded"]
