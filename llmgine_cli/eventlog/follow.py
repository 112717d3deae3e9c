"""Follows a folder of logs live: events of all sessions as they are written, files as they appear."""

import time
from collections.abc import Iterator
from pathlib import Path

from llmgine_cli.eventlog.reader import LogReader, Record, files, in_order
from llmgine_cli.eventlog.watch import INTERVAL, Watch


class Follower:
    """Knows how far each file was read; what was there when it was made is not told again.

    Args:
        folder: Where the logs are; need not exist yet.
        only: Follow this file alone.
        output: Descriptor of the pipe the events are written to; following ends when nobody reads it any more.
    """

    def __init__(self, folder: Path, *, only: Path | None = None, output: int | None = None) -> None:
        self._folder = folder if only is None else only.parent
        self._only = only
        self._output = output
        self._read = {path: _size(path) for path in self._paths()}
        self.skipped = 0

    def seen(self, path: Path) -> int:
        """Return how many bytes of a file were there when following began."""
        return self._read.get(path, 0)

    def __iter__(self) -> Iterator[Record]:
        """Yield records as they are written, for ever or until nobody reads the output."""
        while True:
            while not self._folder.is_dir():
                time.sleep(INTERVAL)
            with Watch(self._folder, self._output) as watch:
                names: set[str] | None = None
                while not watch.gone:
                    for path in self._paths(names):
                        yield from self._news(path)
                    names = watch.wait()
                    if watch.unread:
                        return

    def _paths(self, names: set[str] | None = None) -> list[Path]:
        if self._only is not None:
            return [self._only]
        found = files(self._folder) if names is None else in_order(self._folder, names)
        return [file.path for file in found]

    def _news(self, path: Path) -> Iterator[Record]:
        start = self._read.get(path, 0)
        reader = LogReader(path)
        try:
            with path.open("rb") as file:
                # A file that is shorter than it was is a new one of that name.
                position = file.seek(start if file.seek(0, 2) >= start else 0)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # the rest is still being written
                    position += len(line)
                    self._read[path] = position
                    yield from reader.records([line])
        except OSError:
            self._read.pop(path, None)  # removed
        finally:
            self.skipped += reader.skipped


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
