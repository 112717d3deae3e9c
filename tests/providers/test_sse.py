"""Server-sent events, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.providers.sse import Decoder, EventTooLargeError

SAMPLES = [
    (b"data: one\n\ndata: two\n\n", [b"one", b"two"]),
    (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
    (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
    (b"data: first\ndata: second\n\n", [b"first\nsecond"]),
    (b"data:tight\n\n", [b"tight"]),
    (b"data:  two spaces\n\n", [b" two spaces"]),
    (b"data\n\n", [b""]),
    (b"data:\n\n", [b""]),
    (b": keep-alive\n\n: another\n\ndata: x\n\n", [b"x"]),
    (b"event: ping\nid: 7\nretry: 100\n\ndata: x\n\n", [b"x"]),
    (b"event: message_stop\ndata: {}\n\n", [b"{}"]),
    (b"database: no\n\ndata: x\n\n", [b"x"]),
    (b"\xef\xbb\xbfdata: x\n\n", [b"x"]),
    (b"\n\n\ndata: x\n\n", [b"x"]),
    (b"data: a: b\n\n", [b"a: b"]),
    ("data: Łódź 🌍\n\n".encode(), ["Łódź 🌍".encode()]),
    (b"data: whole\n\ndata: cut off", [b"whole"]),
    (b"data: whole\n\ndata: no empty line after it\n", [b"whole"]),
    (b"", []),
]


def decoded(pieces: list[bytes], limit: int = 1024) -> list[bytes]:
    decoder = Decoder(limit)
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize(("stream", "expected"), SAMPLES)
def test_a_stream_is_cut_into_the_data_of_its_events(stream: bytes, expected: list[bytes]) -> None:
    assert decoded([stream]) == expected


@pytest.mark.parametrize(("stream", "expected"), SAMPLES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_where_the_network_cuts_makes_no_difference(stream: bytes, expected: list[bytes], size: int) -> None:
    assert decoded([stream[at : at + size] for at in range(0, len(stream), size)]) == expected


@given(
    events=st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1, max_size=3),
        max_size=4,
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    data=st.data(),
)
def test_any_event_cut_anywhere_comes_back_whole(events: list[list[str]], end: str, data: st.DataObject) -> None:
    stream = "".join("".join(f"data: {line}{end}" for line in event) + end for event in events).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(pieces, limit=10**6) == ["\n".join(event).encode() for event in events]


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 2000], [b"data: x"] + [b"x" * 100] * 20, [b"data: x\n"] * 300])
def test_an_event_that_never_ends_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(EventTooLargeError):
        decoded(pieces)


def test_many_small_events_are_not_one_large_one() -> None:
    assert len(decoded([b"data: x\n\n" * 10] * 500)) == 5000
