"""What a vendor wants back as it came, beyond what people read: kept in a conversation as text that only we can read.

It stands in the `signature` of a `Reasoning` part, as a JSON array; other protocols keep base64 or a JSON object there,
and know by that what is not theirs. The vendor's name is in it, because what one of them encrypted no other can read.
"""

from typing import Literal

import msgspec

Kind = Literal["thought", "phase"]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Something to send back.

    Attributes:
        vendor: Whom it is from.
        kind: A thought that led to what follows it, or the phase that the text after it belongs to.
        value: The encrypted thought, or the phase's name.
        id: The vendor's id of a thought.
    """

    vendor: str
    kind: Kind
    value: str
    id: str = ""


def written(kept: Kept) -> str:
    """Return it as text."""
    return msgspec.json.encode(kept).decode()


def read(signature: str | None, vendor: str) -> Kept | None:
    """Return what was written; None if it was not by us, or is not for this vendor."""
    if signature is None or not signature.startswith("["):
        return None
    try:
        kept = msgspec.json.decode(signature, type=Kept)
    except ValueError:
        return None
    return kept if kept.vendor == vendor else None
