"""Ids that sort by the time they were made, unique across processes and threads."""

import os
import sys
import time
from itertools import count
from struct import Struct

COUNTED = 0xFFFFFFFF
pack = Struct(">QI").pack


class Source:
    """What an id is made of beside the time: a count that begins anywhere, and digits of the process.

    Attributes:
        count: The next number.
        process: Three hex digits.
    """

    __slots__ = ("count", "process")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin elsewhere: two processes never go on from one state."""
        drawn = os.urandom(6)
        self.count = count(int.from_bytes(drawn[:4], "big") >> 1)  # far from where 32 bits end
        self.process = drawn[4:].hex()[:3]


source = Source()

if sys.platform != "win32":
    os.register_at_fork(after_in_child=source.renew)


def new_id() -> str:
    """Return an id that sorts by the time it was made: 16 hex digits of nanoseconds, 8 of a count, 3 of the process."""
    return pack(time.time_ns(), next(source.count) & COUNTED).hex() + source.process
