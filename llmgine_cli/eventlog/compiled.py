"""Code that is put together for each class of messages, as `dataclass` does for `__init__`: what writes one as a line.

A loop over the fields would take as long as the encoding, and each step in a function of its own half as long.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any

import msgspec

from llmgine_cli.eventlog.layout import layout
from llmgine_cli.eventlog.lines import VERSION
from llmgine_cli.eventlog.plain import prepare, special_float
from llmgine_cli.eventlog.redact import Redactor
from llmgine_cli.eventlog.times import to_text

# `decode` raises for what is no UTF-8 (a `msgspec.Raw` can bring it in): it could not be searched.
_CODE = """
def write(message):
    try:
        {names}
        line = encode_lines([Line({values})])
        if redact is None or not suspects(line) and (line.isascii() or line.decode()):
            return line
        return redact(line)
    except Exception:
        return slowly(message)
"""
_IDS = frozenset({"event_id", "command_id", "session_id", "parent_id"})  # not looked at: strings, or odd


def compiled(
    cls: type[Any],
    encode_lines: Callable[[list[Any]], bytes],
    slowly: Callable[[Any], bytes],
    redact: Redactor | None,
) -> Callable[[Any], bytes]:
    """Return a function that writes a message of this class as one line, newline included.

    Args:
        cls: The class.
        encode_lines: Encodes the objects of a list, each with a newline after it.
        slowly: Writes a message that has something odd in it: whatever makes the usual way raise.
        redact: Takes the secrets out of a line. It is called for a suspect only.
    """
    shape = layout(cls)
    keys = ("v", shape.kind, *shape.keys)
    fields = {f"field{index}": key for index, key in enumerate(keys)}
    known: dict[str, Any] = {
        "Line": msgspec.defstruct("Line", [(field, Any) for field in fields], rename=fields, gc=False),
        "encode_lines": encode_lines,
        "slowly": slowly,
        "redact": redact,
        "suspects": redact and redact.suspects,
        "to_text": to_text,
        "isfinite": isfinite,
    }
    in_dict = _are_in_dict(cls, shape.attributes)
    values = [repr(VERSION), repr(shape.name)]
    for index, attribute in enumerate(shape.attributes):
        # Names of attributes are those of a dataclass, which takes only identifiers.
        value = f"values[{attribute!r}]" if in_dict else f"message.{attribute}"
        change = None if attribute in _IDS else prepare(shape.hints.get(attribute, Any))
        known[f"change{index}"] = change
        if attribute == "time_ns":
            values.append(f"to_text({value})")
        elif change is None:
            values.append(value)
        elif change is special_float:
            values.append(f"value if (value := {value}) is None or isfinite(value) else change{index}(value)")
        else:
            values.append(f"change{index}(value) if (value := {value}) else value")
    code = _CODE.format(names="values = message.__dict__" if in_dict else "", values=", ".join(values))
    exec(code, known)  # noqa: S102
    made: Callable[[Any], bytes] = known["write"]
    return made


def _are_in_dict(cls: type[Any], attributes: tuple[str, ...]) -> bool:
    """Whether an instance keeps its attributes in its dictionary, which is quicker to read: no slots, no properties."""
    return not any(hasattr(vars(base).get(name), "__set__") for base in cls.__mro__ for name in attributes)
