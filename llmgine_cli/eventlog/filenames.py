"""How the files of the log are called: when they were begun, and of which session they are."""

import os
import re
import time
from datetime import UTC, datetime
from hashlib import sha256

OUTSIDE = "@"
"""Begins what stands for the session in the name of a file that is of none; no session's name has an `@`."""


def file_name_part(session_id: str) -> str:
    """Return a session's id as it stands in a file name: unchanged if it can be, else cleaned, with a digest."""
    clean = re.sub(r"[^A-Za-z0-9._-]", "-", session_id)[:60]
    if clean == session_id and clean.strip("."):
        return clean
    return f"{clean}-{sha256(session_id.encode(errors='surrogatepass')).hexdigest()[:8]}"


def file_of_none(what: str) -> str:
    """Return a new name for a file of the log that is no session's.

    Args:
        what: What is in it, in a word.
    """
    return f"events_{stamp(time.time_ns())}_{OUTSIDE}{what}-{os.urandom(4).hex()}.jsonl"


def stamp(time_ns: int) -> str:
    """Return a time, nanoseconds since 1970, as `20261123T231104.123456Z`."""
    return datetime.fromtimestamp(time_ns // 1000 / 1_000_000, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
