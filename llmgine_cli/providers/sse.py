"""Server-sent events, as the HTML standard defines them.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Only the data is kept: both protocols repeat
an event's name inside it. Bytes are split here and decoded as JSON later, so a character cut in two by the network
needs no care.
"""

_BOM = b"\xef\xbb\xbf"


class EventTooLargeError(ValueError):
    """An event grew beyond the limit."""


class Decoder:
    """Cuts a stream of bytes into the data of its events.

    Args:
        limit: Bytes one event may have.
    """

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []  # of the line that has not ended
        self._size = 0
        self._data: list[bytes] = []  # of the event that has not ended
        self._after_return = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that this chunk completes; what is incomplete at a stream's end is no event.

        Raises:
            EventTooLargeError: An event has more bytes than allowed.
        """
        if b"\r" in chunk or self._after_return:
            chunk = self._one_line_end(chunk)
        self._size += len(chunk)
        if b"\n" not in chunk:
            self._pieces.append(chunk)
            self._check_size()
            return []
        if self._pieces:
            chunk = b"".join((*self._pieces, chunk))
            self._pieces.clear()
        if not self._begun:
            chunk = chunk.removeprefix(_BOM)
            self._begun = True
        *lines, rest = chunk.split(b"\n")
        if rest:
            self._pieces.append(rest)
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data.clear()
                self._size = sum(map(len, self._pieces))
            elif line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line == b"data":
                data.append(b"")
        self._check_size()
        return events

    def _one_line_end(self, chunk: bytes) -> bytes:
        """Make every line end a newline; a return at a chunk's end may be half of one."""
        if self._after_return and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_return = False
        if chunk:
            self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check_size(self) -> None:
        if self._size > self._limit:
            raise EventTooLargeError(f"an event has more than {self._limit} bytes")
