"""What is kept of a schedule, in SQLite: entries with an event each, who runs them, and what came of them.

The event is bytes here; what it means is the business of those who keep and fetch it. Everything that changes an entry
is one transaction that takes the write lock first, so that of any number of processes one gets an entry.

The methods wait for the disk; a program with an event loop calls them in a thread. They may be called from any.
"""

import sys
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmgine_cli.bus.schedule.clock import Clock
from llmgine_cli.bus.schedule.entry import Entry, State
from llmgine_cli.bus.schedule.file import connect, told
from llmgine_cli.bus.schedule.wake import ring
from llmgine_cli.errors import BusError

if TYPE_CHECKING:
    import sqlite3

KEPT = 30 * 86_400.0  # seconds that what is done or cancelled is still listed

_LEASED = "CASE WHEN lease_boot = :boot THEN lease_steady - :steady ELSE lease_until - :wall END"
_MINE = "queue = :queue AND type NOT IN (SELECT value FROM json_each(:without))"
# What is next, and in how many seconds: by the steady clock while the machine runs that it was kept on, else by the
# wall clock. Each part is answered from an index, however many entries there are.
_NEXT = f"""
WITH next (number, wait) AS (
    SELECT * FROM (SELECT number, due - :wall FROM entries
        WHERE {_MINE} AND state = 'waiting' AND boot IS NULL ORDER BY due, number LIMIT 1)
    UNION ALL SELECT * FROM (SELECT number, due_steady - :steady FROM entries
        WHERE {_MINE} AND state = 'waiting' AND boot = :boot ORDER BY due_steady, number LIMIT 1)
    UNION ALL SELECT number, due - :wall FROM entries
        WHERE {_MINE} AND state = 'waiting' AND boot IS NOT NULL AND boot IS NOT :boot
    UNION ALL SELECT number, {_LEASED} FROM entries
        WHERE {_MINE} AND state = 'running' AND attempts < :most
)
"""  # noqa: S608 -- words of ours
# Where the wall clock was set since, the moment it is due is another one for an entry that counts seconds.
_COLUMNS = (
    "number, id, queue, type, event, created, state, attempts, session_id, error, finished, "
    "CASE WHEN boot = :boot AND state = 'waiting' THEN :wall + due_steady - :steady ELSE due END AS due"
)


class ScheduleStore:
    """A schedule in a file.

    Args:
        path: Made when it is first needed, with its folder, for the user alone.
        clock: What time it is.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self.path = path
        self.clock = clock or Clock()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    @property
    def bells(self) -> Path:
        """The folder with the bells of those who wait."""
        return self.path.parent / "bells"

    def add(
        self,
        event: bytes,
        *,
        event_id: str,
        event_type: str,
        queue: str,
        at: float | None = None,
        after: float = 0.0,
    ) -> int:
        """Keep an event; return its number once it is on disk.

        Args:
            event: The event, encoded.
            event_id: Its id.
            event_type: The name of its class.
            queue: Who is to run it.
            at: When it is due, in seconds since 1970; whatever the wall clock says then counts.
            after: Without `at`: in how many seconds it is due. While the machine runs, setting its clock changes
                nothing; after a restart the wall clock counts.

        Raises:
            BusError: It is in the schedule already.
            StorageError: It could not be kept.
        """
        import sqlite3

        now = self._now()
        values = {
            **now,
            "event": event,
            "id": event_id,
            "type": event_type,
            "queue": queue,
            "at": now["wall"] + after if at is None else at,
            "due_steady": now["steady"] + after,
            "due_boot": now["boot"] if at is None else None,
        }
        try:
            with self._changing() as connection:
                cursor = connection.execute(
                    "INSERT INTO entries (id, queue, type, event, created, due, due_steady, boot)"
                    " VALUES (:id, :queue, :type, :event, :wall, :at, :due_steady, :due_boot)",
                    values,
                )
        except sqlite3.IntegrityError as error:
            raise BusError(
                f"this {event_type} is in the schedule already", hint="an event is scheduled once"
            ) from error
        self.ring()
        return cursor.lastrowid or 0

    def cancel(self, number: int) -> bool:
        """Have an entry never run; say whether it was waiting or had failed."""
        with self._changing() as connection:
            cursor = connection.execute(
                "UPDATE entries SET state = 'cancelled', finished = :wall"
                " WHERE number = :number AND state IN ('waiting', 'failed')",
                {**self._now(), "number": number},
            )
        return cursor.rowcount > 0

    def entries(self, *, states: Iterable[State] | None = None, queue: str | None = None) -> list[Entry]:
        """Return the entries, the first due first.

        Args:
            states: Only those in one of these states.
            queue: Only those of this queue.
        """
        import json

        wanted = None if states is None else json.dumps(list(states))
        return self._read(
            f"SELECT {_COLUMNS} FROM entries"  # noqa: S608 -- words of ours
            " WHERE (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))"
            " AND (:queue IS NULL OR queue = :queue) ORDER BY due, number",
            states=wanted, queue=queue,
        )  # fmt: skip

    def find(self, name: str) -> Entry | None:
        """Return the entry of a number or of an event's id; None if there is none."""
        number = int(name) if name.isascii() and name.isdecimal() and len(name) < 16 else 0
        found = self._read(
            f"SELECT {_COLUMNS} FROM entries WHERE number = :number OR id = :id",  # noqa: S608 -- words of ours
            number=number, id=name,
        )  # fmt: skip
        return found[0] if found else None

    # -- for those who run what is due

    def lease(self, queue: str, owner: str, *, seconds: float, most: int, without: Sequence[str] = ()) -> Entry | None:
        """Take the entry that has been due longest, or whose worker has died, for a while; None: nothing is due.

        Args:
            queue: Whose entries.
            owner: Who takes it; nobody else has this name.
            seconds: How long it is ours unless `renew` is called.
            most: What was begun as often, and whose worker died, is left to `bury`.
            without: Types that are left alone.
        """
        with self._changing() as connection:
            rows = connection.execute(
                f"{_NEXT} UPDATE entries SET state = 'running', owner = :owner, attempts = attempts + 1,"  # noqa: S608
                " lease_boot = :boot, lease_until = :wall + :seconds, lease_steady = :steady + :seconds,"
                " session_id = NULL"
                " WHERE number = (SELECT number FROM next WHERE wait <= 0 ORDER BY wait, number LIMIT 1)"
                f" RETURNING {_COLUMNS}",
                {**self._scope(queue, without), "owner": owner, "seconds": seconds, "most": most},
            ).fetchall()
        return _entry(rows[0]) if rows else None

    def renew(self, owner: str, numbers: Sequence[int], *, seconds: float) -> None:
        """Go on holding these entries, as far as the owner still has them, for so many seconds from now."""
        import json

        with self._changing() as connection:
            connection.execute(
                "UPDATE entries SET lease_boot = :boot, lease_until = :wall + :seconds,"
                " lease_steady = :steady + :seconds WHERE owner = :owner AND state = 'running'"
                " AND number IN (SELECT value FROM json_each(:numbers))",
                {**self._now(), "owner": owner, "seconds": seconds, "numbers": json.dumps(list(numbers))},
            )

    def runs_in(self, number: int, owner: str, session_id: str) -> None:
        """Note the session of the attempt that the owner makes."""
        with self._changing() as connection:
            connection.execute(
                "UPDATE entries SET session_id = :session_id WHERE number = :number AND owner = :owner",
                {"session_id": session_id, "number": number, "owner": owner},
            )

    def finish(self, number: int, owner: str, *, error: str | None = None) -> bool:
        """Say that an entry is done, or has failed for good; False: it is not the owner's any more."""
        return self._end(
            number, owner, "state = iif(:error IS NULL, 'done', 'failed'), finished = :wall, error = :error",
            error=error,
        )  # fmt: skip

    def put_back(self, number: int, owner: str, *, error: str | None = None, after: float | None = None) -> bool:
        """Have an entry tried again; False: it is not the owner's any more.

        Args:
            number: The entry's.
            owner: Who has it.
            error: Why this attempt failed.
            after: In how many seconds; None: it was not tried at all, which counts for nothing.
        """
        wait = "attempts = attempts - 1"
        if after is not None:
            wait = "due = :wall + :after, due_steady = :steady + :after, boot = :boot"
        done = self._end(number, owner, f"state = 'waiting', error = :error, {wait}", error=error, after=after)
        self.ring()
        return done

    def bury(self, queue: str, *, most: int) -> list[Entry]:
        """Give up what was begun `most` times and whose worker died each time; return it."""
        with self._changing() as connection:
            rows = connection.execute(
                "UPDATE entries SET state = 'failed', finished = :wall, owner = NULL,"  # noqa: S608 -- words of ours
                " error = 'the process that ran it died, ' || attempts || ' times'"
                f" WHERE queue = :queue AND state = 'running' AND attempts >= :most AND {_LEASED} <= 0"
                f" RETURNING {_COLUMNS}",
                {**self._scope(queue, ()), "most": most},
            ).fetchall()
        return [_entry(row) for row in rows]

    def forget_old(self) -> None:
        """Take away what was done or cancelled long ago."""
        with self._changing() as connection:
            connection.execute(
                "DELETE FROM entries WHERE state IN ('done', 'cancelled') AND finished < :wall - :kept",
                {**self._now(), "kept": KEPT},
            )

    def wait(self, queue: str, *, without: Sequence[str] = ()) -> float | None:
        """Return the seconds until something is to be done: an entry due, or its lease over; None: nothing is kept."""
        with self._reading() as connection:
            (seconds,) = connection.execute(
                f"{_NEXT} SELECT min(wait) FROM next",  # noqa: S608 -- words of ours
                {**self._scope(queue, without), "most": sys.maxsize},
            ).fetchone()
        return None if seconds is None else float(seconds)

    def held(self, queue: str) -> tuple[int, float]:
        """Return how many entries are run by somebody, and in how many seconds the last lease of these ends."""
        with self._reading() as connection:
            count, seconds = connection.execute(
                f"SELECT count(*), max({_LEASED}) FROM entries"  # noqa: S608 -- words of ours
                f" WHERE queue = :queue AND state = 'running' AND {_LEASED} > 0",
                self._scope(queue, ()),
            ).fetchone()
        return int(count), float(seconds or 0.0)

    def ring(self) -> None:
        """Wake those who wait for this schedule, in any process."""
        ring(self.bells)

    def close(self) -> None:
        """Close the file. Harmless the second time; it is opened again when it is needed."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with told(self.path):
                    connection.close()

    # -- inside

    def _end(self, number: int, owner: str, change: str, **values: Any) -> bool:
        with self._changing() as connection:
            cursor = connection.execute(
                f"UPDATE entries SET owner = NULL, {change}"  # noqa: S608 -- words of ours
                " WHERE number = :number AND owner = :owner AND state = 'running'",
                {**self._now(), "number": number, "owner": owner, **values},
            )
        return cursor.rowcount > 0

    def _now(self) -> dict[str, Any]:
        return {"wall": self.clock.wall(), "steady": self.clock.steady(), "boot": self.clock.boot}

    def _scope(self, queue: str, without: Sequence[str]) -> dict[str, Any]:
        import json

        return {**self._now(), "queue": queue, "without": json.dumps(list(without))}

    def _read(self, query: str, **values: Any) -> list[Entry]:
        with self._reading() as connection:
            return [_entry(row) for row in connection.execute(query, {**self._now(), **values})]

    @contextmanager
    def _reading(self) -> "Generator[sqlite3.Connection]":
        with self._lock, told(self.path):
            if self._connection is not None and _identity(self.path) != self._file:
                # It was moved away, as one does with a file that is broken: what is in its place counts.
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = connect(self.path)
                self._file = _identity(self.path)
            yield self._connection

    @contextmanager
    def _changing(self) -> "Generator[sqlite3.Connection]":
        """A transaction that has the write lock from its beginning: what it reads is still so when it writes."""
        with self._reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _entry(row: "sqlite3.Row") -> Entry:
    return Entry(**{name: row[name] for name in row.keys()})  # noqa: SIM118 -- a Row iterates over its values
