"""From our sampling options to the fields of a vendor's request, its quirks included."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from llmgine_cli.errors import UsageError
from llmgine_cli.llm.messages import Request
from llmgine_cli.providers.presets import Vendor

# What an adapter makes of the conversation itself; another value here would be another request.
OWNED = frozenset({"model", "messages", "system", "tools", "stream", "stream_options"})

logger = logging.getLogger("llmgine_cli.providers")


class Options:
    """Translates the options of a vendor's requests, and tells once what it had to leave out.

    Args:
        vendor: Its names and quirks.
    """

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._told: set[tuple[str, str]] = set()

    def fields(self, request: Request) -> dict[str, Any]:
        """Return the fields for a request; what the user leaves to the vendor is not among them.

        Raises:
            UsageError: `extra` has a field that is not the user's to set, or a number is infinite or none.
        """
        options, vendor = request.options, self._vendor
        quirks = [quirk for quirk in vendor.quirks if quirk.applies(request.model)]
        extra = options.extra
        check_owned(extra)
        fields: dict[str, Any] = {}
        if request.tools:
            for quirk in quirks:
                fields.update(quirk.with_tools)
        fields.update(extra)
        refused = {
            option
            for quirk in quirks
            if quirk.unless is None or fields.get(quirk.unless[0]) != quirk.unless[1]
            for option in quirk.drops
        }
        asked = {
            "temperature": options.temperature,
            "max_tokens": options.max_tokens if options.max_tokens is not None else vendor.max_tokens,
            "top_p": options.top_p,
            "stop": list(options.stop) or None,
            "seed": options.seed,
        }
        check_finite({**asked, **extra})
        for option, value in asked.items():
            name = vendor.names.get(option, option)
            if value is None or name in extra:
                continue
            if name is None or option in refused:
                self._tell(request.model, option)
            else:
                fields[name] = value
        return fields

    def _tell(self, model: str, option: str) -> None:
        if (model, option) not in self._told:
            self._told.add((model, option))
            logger.warning("%s:%s takes no %s; it is left out", self._vendor.name, model, option)


def check_owned(extra: Mapping[str, Any], owned: frozenset[str] = OWNED) -> None:
    """Raise a `UsageError` if `extra` has a field that an adapter makes of the conversation."""
    if taken := sorted(owned & extra.keys()):
        raise UsageError(
            f"option 'extra' may not set {', '.join(taken)}: llmgine makes that of the conversation",
            hint="-m names the model, -s the system message, -T the tools, --no-stream waits for the whole answer",
        )


def check_finite(fields: Mapping[str, Any]) -> None:
    """Raise a `UsageError` if a field is NaN or infinite: JSON has neither, and null would be another wish."""
    for name, value in fields.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"option {name!r} is {value}, which is no number to send", hint=f"as in -o {name} 0.5")
