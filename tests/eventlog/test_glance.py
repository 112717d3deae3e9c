"""What tells a person which session it is."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.eventlog.glance import glance, handle_of, handles, short, shortened
from llmgine_cli.eventlog.reader import files, find
from llmgine_cli.eventlog.writer import EventLog
from llmgine_cli.llm.events import MessageAdded, SessionNamed
from llmgine_cli.llm.messages import assistant, system, user

ONE, TWO = "18ead0941bde801700000f204c3", "18ead0941bde801700001f204c3"


def logged(folder: Path, session_id: str, *texts: str) -> Path:
    log = EventLog(folder)
    log.write(MessageAdded(session_id=session_id, message=system("be brief")))
    log.write(MessageAdded(session_id=session_id, message=assistant("hello")))
    for text in texts:
        log.write(MessageAdded(session_id=session_id, message=user(text)))
    log.close()
    path = log.path(session_id)
    assert path is not None
    return path


def test_it_is_called_by_the_end_of_its_id_for_sessions_begin_with_the_time() -> None:
    assert short(ONE, [ONE]) == "00f204c3"
    assert short(ONE, [ONE, "18ead00f204c301700000e114c4"]) == "000f204c3"
    assert short("my-chat", ["my-chat", ONE]) == "my-chat"


def test_ids_are_as_short_as_they_can_be_and_still_find_their_session() -> None:
    one, two, odd = "18ead0941bde801700000f204c3", "18ead0942bde801700000f204c3", "my-chat"
    other = "18ead0943bde80170000012f204c3"[:27]

    short = dict(zip([one, two, odd], shortened([one, two, odd], [one, two, odd, other]), strict=True))

    assert short[odd] == odd
    for name in (one, two):
        assert name.endswith(short[name])
        assert [known for known in (one, two, odd, other) if short[name] in known] == [name]


IDS = st.lists(st.text("01", min_size=27, max_size=27), min_size=1, max_size=30, unique=True)


@given(IDS)
def test_what_it_is_called_is_its_end_and_in_no_other(ids: list[str]) -> None:
    for session in ids:
        handle = short(session, ids)
        assert [other for other in ids if handle in other] == [session]


def test_it_is_found_by_what_it_is_called(tmp_path: Path) -> None:
    one, two = logged(tmp_path, ONE, "a"), logged(tmp_path, TWO, "b")
    assert [find(tmp_path, handle) for handle in handles(tmp_path, files(tmp_path))] == [one, two]


def test_a_name_is_what_it_is_called(tmp_path: Path) -> None:
    path = logged(tmp_path, ONE)
    EventLog(tmp_path).write(SessionNamed(session_id=ONE, name="work"))
    assert handle_of(tmp_path, path) == "work"


def test_the_first_question_tells_what_it_was_about_on_one_short_line(tmp_path: Path) -> None:
    logged(tmp_path, ONE, "What is\na " + "long " * 50 + "question?", "And then?")
    (file,) = files(tmp_path)
    seen = glance(file, "f204c3")
    assert seen.question.startswith("What is a long long")
    assert len(seen.question) == 60
    assert str(seen).startswith("f204c3 (20")


def test_a_session_without_a_question_or_with_a_log_of_garbage_has_none(tmp_path: Path) -> None:
    path = logged(tmp_path, ONE)
    (file,) = files(tmp_path)
    assert glance(file, "x").question == ""
    path.write_bytes(b'{"v":1,"event_type":"MessageAdded","timestamp":"2026-11-23T00:00:00Z","message":7}\n\0\xff\n')
    assert glance(file, "x").question == ""
    path.unlink()
    assert glance(file, "x").question == ""
