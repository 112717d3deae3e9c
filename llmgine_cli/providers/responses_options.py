"""From our options to the fields of a request for OpenAI Responses, the vendor's quirks included."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from llmgine_cli.llm.messages import ModelOptions, Request
from llmgine_cli.providers.options import OWNED, Fields, Filling, Options
from llmgine_cli.providers.quirks import Traits
from llmgine_cli.providers.vendor import Vendor

# What is asked for although the user did not, and how a vendor says that this model, or this account, may not have it.
_SUMMARY, _ENCRYPTED = "summary of its thoughts", "encrypted thoughts"
_REFUSALS = {
    _SUMMARY: re.compile(r"reasoning[ ._]summar", re.IGNORECASE),
    _ENCRYPTED: re.compile(r"encrypted[ _]content is not supported", re.IGNORECASE),
}


class ResponsesOptions(Options):
    """Options as Responses has them: thoughts and the form of the answer are tables, there is neither stop nor seed.

    Args:
        vendor: Its quirks; what it calls options is settled by the protocol.
    """

    names: ClassVar[Mapping[str, str | None]] = {
        "max_tokens": "max_output_tokens",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
        **dict.fromkeys(("stop", "seed", "reasoning_budget", "cache", "routing")),
    }
    tables: ClassVar[frozenset[str]] = frozenset({"reasoning", "text"})
    owned: ClassVar[frozenset[str]] = OWNED | {"input", "instructions", "previous_response_id", "conversation"}

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self._given_up: set[tuple[str, str]] = set()

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
                    self.tell(request.model, what, f"takes no {what}; it is left out")
                    return True
        return False

    def traits(self, model: str, fields: Mapping[str, Any] | None = None) -> Traits:
        """Return what a model wants otherwise; its quirks know the effort by the name that chat completions have."""
        return super().traits(model, {**(fields or {}), "reasoning_effort": _effort((fields or {}).get("reasoning"))})

    def name(self, traits: Traits, option: str) -> str | None:  # noqa: ARG002 -- no vendor calls it otherwise
        """Return what the protocol calls an option, with dots for a field in a field; None: there is none."""
        return self.names.get(option, option)

    def _is_formed(self, extra: Fields) -> bool:
        said = extra.get("text")
        return "format" in cast("Fields", said) if isinstance(said, dict) else said is not None

    def _put_for_tools(self, filling: Filling) -> None:
        """Nothing: here models may think and call tools at the same time."""

    def _put_reasoning(self, filling: Filling, options: ModelOptions) -> None:
        super()._put_reasoning(filling, options)
        model, ours = filling.request.model, _table(filling.fields.get("reasoning"))
        if ours and ours["effort"] != "none" and (model, _SUMMARY) not in self._given_up:
            ours["summary"] = "auto"
        if self._thinks(model, _effort({**ours, **_table(options.extra.get("reasoning"))})):
            filling.fields["include"] = ["reasoning.encrypted_content"]

    def _one_tool(self, name: str) -> Fields:
        return {"type": "function", "name": name}

    def _schema_form(self, described: Fields) -> Fields:
        return {"type": "json_schema", **described}

    def _thinks(self, model: str, effort: str | None) -> bool:
        """Whether there may be thoughts to send back; the vendor keeps none of them for us."""
        if (model, _ENCRYPTED) in self._given_up:
            return False
        thinkers = self._vendor.thinkers
        return effort not in {None, "none"} or (thinkers is not None and re.match(thinkers, model) is not None)


def _effort(reasoning: Any) -> str | None:
    effort = _table(reasoning).get("effort")
    return effort if isinstance(effort, str) else None


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
