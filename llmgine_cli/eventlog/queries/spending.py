"""What calls of models cost according to the log: in a session, and since a time.

It is asked again before each call, for other processes write as well; of each file only what was added is read then.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from llmgine_cli.errors import LlmgineError
from llmgine_cli.eventlog.codec import decode
from llmgine_cli.eventlog.filenames import file_name_part
from llmgine_cli.eventlog.filters import Filter
from llmgine_cli.eventlog.reader import LogReader, files
from llmgine_cli.llm.budget import Costly, spent
from llmgine_cli.llm.prices import Prices

_TYPES = tuple(kind.__name__ for kind in get_args(Costly))


@dataclass
class _Read:
    """How far a file was read.

    Attributes:
        end: Where the last line ends that counted, in bytes.
        dollars: What was spent up to there.
        seen: Its size in bytes and when it was written to, nanoseconds since 1970, as it was read.
    """

    end: int = 0
    dollars: float = 0.0
    seen: tuple[int, int] = (0, 0)


class Spending:
    """Adds up what was spent, as far as prices are known.

    Args:
        folder: Where the logs are.
        prices: Where prices are looked up.
    """

    def __init__(self, folder: Path, prices: Prices) -> None:
        self._folder = folder
        self._prices = prices
        self._since_ns = 0
        self._of_day: dict[Path, _Read] = {}
        self._of_session: dict[Path, _Read] = {}

    def of_session(self, session_id: str) -> float:
        """Return what was spent in a session, in US dollars.

        Raises:
            StorageError: The log cannot be read.
        """
        name = file_name_part(session_id)
        paths = [file.path for file in files(self._folder) if file.session == name]
        return sum(self._read(path, self._of_session, Filter(types=_TYPES)).dollars for path in paths)

    def since(self, since_ns: int) -> float:
        """Return what was spent in all sessions since then (nanoseconds since 1970), in US dollars.

        Raises:
            StorageError: The log cannot be read.
        """
        if since_ns != self._since_ns:  # another day
            self._since_ns = since_ns
            self._of_day.clear()
        for file in files(self._folder):
            if file.modified_ns >= since_ns:
                self._read(file.path, self._of_day, Filter(types=_TYPES, since_ns=since_ns))
        return sum(read.dollars for read in self._of_day.values())  # of files that were removed meanwhile, too

    def _read(self, path: Path, known: dict[Path, _Read], wanted: Filter) -> _Read:
        """Read what was added to a file; one that has become shorter is another one."""
        read = known.setdefault(path, _Read())
        try:
            status = path.stat()
        except OSError:
            return read  # removed since the folder was read
        seen = (status.st_size, status.st_mtime_ns)
        if seen == read.seen:
            return read
        read.seen = seen
        if status.st_size < read.end:
            read.end, read.dollars = 0, 0.0
        for record in LogReader(path).matching(wanted, read.end):
            read.end = record.offset + len(record.line)
            read.dollars += self._cost(record.line)
        return read

    def _cost(self, line: bytes) -> float:
        try:
            event = decode(line)
        except LlmgineError:
            return 0.0  # by another version
        if not isinstance(event, Costly):
            return 0.0
        usage, answered = spent(event)
        return self._prices.cost(event.model, usage, event.time_ns, answered=answered) or 0.0
