"""`{name}`: the placeholders of a plain template.

A placeholder is an identifier in one pair of braces, nothing else: `{ name }`, `{a.b}`, `{a[0]}`, `{}` and all JSON are
text. So is what stands in two pairs or more, `{{name}}`, and it keeps its braces: there is no escaping to undo.
"""

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"(?<!\{)\{([^\W\d]\w*)\}(?!\})")


def names(text: str) -> tuple[str, ...]:
    """The names of all placeholders, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. One without a value stays as it stands; a value is never looked at again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
