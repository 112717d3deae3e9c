"""From our options to the fields of a request for OpenAI Responses, the vendor's quirks included."""

import re
from typing import Any, cast

from llmgine_cli.llm.messages import Request, ResponseFormat
from llmgine_cli.providers.options import OWNED, Options, check_finite, check_owned
from llmgine_cli.providers.presets import Vendor

_TABLES = frozenset({"reasoning", "text"})  # to which the user's own fields are added
_OWNED = OWNED | {"input", "instructions", "previous_response_id", "conversation"}
# What is asked for although the user did not, and how a vendor says that this model, or this account, may not have it.
_SUMMARY, _ENCRYPTED = "summary of its thoughts", "encrypted thoughts"
_REFUSALS = {
    _SUMMARY: re.compile(r"reasoning[ ._]summar", re.IGNORECASE),
    _ENCRYPTED: re.compile(r"encrypted[ _]content is not supported", re.IGNORECASE),
}


class ResponsesOptions(Options):
    """Translates the options of a vendor's requests, and tells once what it had to leave out.

    Args:
        vendor: Its quirks; what it calls options is settled by the protocol.
    """

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self._given_up: set[tuple[str, str]] = set()

    def fields(self, request: Request) -> dict[str, Any]:
        """Return the fields for a request; what the user leaves to the vendor is not among them.

        Raises:
            UsageError: `extra` has a field that is not the user's to set, or a number is infinite or none.
        """
        extra = request.options.extra
        check_owned(extra, _OWNED)
        reasoning = self._reasoning(request)
        fields = {
            **self._sampling(request, _effort(reasoning)),
            **self._about_tools(request),
            "reasoning": reasoning,
            "text": _merged({"format": _format(request.response_format)}, extra.get("text")),
            "include": ["reasoning.encrypted_content"] if self._thinks(request, _effort(reasoning)) else None,
        }
        return {name: value for name, value in fields.items() if value is not None and value != {}} | {
            name: value for name, value in extra.items() if name not in _TABLES or not isinstance(value, dict)
        }

    def give_up(self, request: Request, refusal: str) -> bool:
        """Whether a refusal is about something nobody asked for; it is then not asked for again, and that is told.

        Args:
            request: What was refused.
            refusal: The vendor's words.
        """
        for what, words in _REFUSALS.items():
            if words.search(refusal) and (request.model, what) not in self._given_up:
                before = self.fields(request)
                self._given_up.add((request.model, what))
                if self.fields(request) != before:
                    self._tell(request.model, what)
                    return True
        return False

    def _sampling(self, request: Request, effort: str | None) -> dict[str, Any]:
        options = request.options
        refused = self._refused(request.model, effort)
        asked = {
            "temperature": ("temperature", options.temperature),
            "max_tokens": ("max_output_tokens", options.max_tokens),
            "top_p": ("top_p", options.top_p),
            "stop": (None, options.stop or None),
            "seed": (None, options.seed),
            "reasoning_budget": (None, options.reasoning_budget),
        }
        check_finite({**{option: value for option, (_, value) in asked.items()}, **options.extra})
        fields: dict[str, Any] = {}
        for option, (name, value) in asked.items():
            if value is None or name in options.extra:
                continue
            if name is None or option in refused:
                self._tell(request.model, option)
            else:
                fields[name] = value
        return fields

    def _about_tools(self, request: Request) -> dict[str, Any]:
        """The choice among tools; it is refused where there are none to choose from."""
        if not request.tools:
            return {}
        choice = request.options.tool_choice
        if choice is None or choice in {"auto", "required", "none"}:
            named: str | dict[str, str] | None = choice
        else:
            named = {"type": "function", "name": choice}
        return {"tool_choice": named, "parallel_tool_calls": request.options.parallel_tool_calls}

    def _reasoning(self, request: Request) -> dict[str, Any]:
        options = request.options
        asked: dict[str, Any] = {}
        if options.reasoning_effort is not None:
            if "reasoning_effort" in self._refused(request.model, options.reasoning_effort):
                self._tell(request.model, "reasoning_effort")
            else:
                asked = {"effort": options.reasoning_effort}
        if asked and asked["effort"] != "none" and (request.model, _SUMMARY) not in self._given_up:
            asked["summary"] = "auto"
        return _merged(asked, options.extra.get("reasoning"))

    def _thinks(self, request: Request, effort: str | None) -> bool:
        """Whether there may be thoughts to send back; the vendor keeps none of them for us."""
        if (request.model, _ENCRYPTED) in self._given_up:
            return False
        thinkers = self._vendor.thinkers
        return effort not in {None, "none"} or (thinkers is not None and re.match(thinkers, request.model) is not None)

    def _refused(self, model: str, effort: str | None) -> set[str]:
        """The options that a model does not take."""
        lifted = ("reasoning_effort", effort)
        quirks = [quirk for quirk in self._vendor.quirks if quirk.applies(model)]
        return {option for quirk in quirks if quirk.unless != lifted for option in quirk.drops}


def _effort(reasoning: dict[str, Any]) -> str | None:
    effort = reasoning.get("effort")
    return effort if isinstance(effort, str) else None


def _format(wanted: ResponseFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": wanted.strict}


def _merged(ours: dict[str, Any], extra: Any) -> dict[str, Any]:
    """Our fields and the user's own, which have the last word."""
    said = {name: value for name, value in ours.items() if value is not None}
    return {**said, **cast("dict[str, Any]", extra)} if isinstance(extra, dict) else said
