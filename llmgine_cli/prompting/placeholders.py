"""`{name}`: the placeholders of a plain template.

A placeholder is an identifier in braces, nothing else: `{ name }`, `{a.b}`, `{a[0]}`, `{}` and all JSON are text. So is
what has a second brace on both sides, `{{name}}`, and it keeps them: there is no escaping to undo. A brace on one side
is text beside a placeholder, which is how JSON is written: `{"city": {city}}`.
"""

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"(?:(?<!\{)\{(?=\w+\})|\{(?=\w+\}(?!\})))([^\W\d]\w*)\}")


def names(text: str) -> tuple[str, ...]:
    """The names of all placeholders, each once, in order."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. One without a value stays as it stands; a value is never looked at again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
