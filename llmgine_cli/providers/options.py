"""From our options to the fields of a vendor's request, its quirks included."""

import logging
import math
from collections.abc import Mapping
from itertools import compress
from typing import Any, ClassVar, TypeAlias, cast

import msgspec

from llmgine_cli.errors import UsageError, near_miss
from llmgine_cli.llm.messages import ModelOptions, Request, ResponseFormat
from llmgine_cli.providers import forms
from llmgine_cli.providers.quirks import Form, Quirk, Traits, traits_of
from llmgine_cli.providers.vendor import Vendor

# What an adapter makes of the conversation itself; another value here would be another request.
OWNED = frozenset({"model", "messages", "system", "tools", "stream", "stream_options"})
Fields: TypeAlias = dict[str, Any]

logger = logging.getLogger("llmgine_cli.providers")


class Options:
    """Translates the options of a vendor's requests, and tells once what it had to leave out.

    This is how chat completions have them; another protocol puts its own in place of what differs.

    Args:
        vendor: Its names and quirks.
    """

    # What the protocol calls an option, where that is not what we call it; None: it has none.
    names: ClassVar[Mapping[str, str | None]] = {"reasoning_budget": None, "cache": None, "routing": None}

    # The limit of an answer where neither the user nor the vendor's row has one; None: it is left to the vendor.
    usual_max_tokens: ClassVar[int | None] = None
    # Tables of the request to which both we and the user add; of all others, the user's word replaces ours.
    tables: ClassVar[frozenset[str]] = frozenset()
    # What the user may not set.
    owned: ClassVar[frozenset[str]] = OWNED

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._told: set[tuple[str, str]] = set()
        self._quirks: dict[str, tuple[Quirk, ...]] = {}
        self._traits: dict[tuple[str, tuple[bool, ...]], Traits] = {}

    def fields(self, request: Request) -> Fields:
        """Return the fields for a request; what the user leaves to the vendor is not among them.

        Raises:
            UsageError: `extra` has a field that is not the user's to set, a number is infinite or none, or the tool to
                call is none of those that are offered.
        """
        options = request.options
        check_owned(options.extra, self.owned)
        check_finite({"temperature": options.temperature, "top_p": options.top_p, **options.extra})
        filling = Filling(self, request)
        self._put_for_tools(filling)
        self._put_reasoning(filling, options)
        filling.look_again()
        self._put_sampling(filling, options)
        self._put_tools(filling, options)
        self._put_form(filling, request.response_format)
        if self._vendor.routing or options.routing is not None:
            said: Fields = msgspec.to_builtins(options.routing) if options.routing is not None else {}
            filling.put("routing", {**self._vendor.routing, **said})
        self._put_caching(filling, options)
        return {**filling.fields, **options.extra, **self._shared(filling.fields, options.extra)}

    def instruction(self, request: Request) -> str | None:
        """Return what the model must be told of the form of its answer, because the vendor cannot enforce it."""
        form = request.response_format
        if form is None or self._is_formed(request.options.extra):
            return None
        kind = kind_of(form, self.traits(request.model), request)
        return None if kind == "json_schema" else forms.instruction(form)

    def tell(self, model: str, about: str, what: str) -> None:
        """Tell the user what a model wants otherwise, once.

        Args:
            model: Its name.
            about: The option.
            what: The rest of the sentence.
        """
        if (model, about) not in self._told:
            self._told.add((model, about))
            logger.warning("%s:%s %s", self._vendor.name, model, what)

    def traits(self, model: str, fields: Mapping[str, Any] | None = None) -> Traits:
        """Return what a model wants otherwise, given these fields: as `Vendor.traits`, but found out once."""
        if model not in self._quirks:
            self._quirks[model] = tuple(quirk for quirk in self._vendor.quirks if quirk.applies(model))
        quirks = self._quirks[model]
        key = (model, tuple(quirk.holds(fields or {}) for quirk in quirks))
        if key not in self._traits:
            self._traits[key] = traits_of(self._vendor.names, compress(quirks, key[1]))
        return self._traits[key]

    def name(self, traits: Traits, option: str) -> str | None:
        """Return what an option is called, with dots for a field in a field; None: there is none."""
        return {**self.names, **traits.names}.get(option, option)

    def _shared(self, fields: Fields, extra: Fields) -> Fields:
        """The tables to which both sides add, added up: the user's own fields have the last word."""
        return {
            name: {**fields[name], **extra[name]}
            for name in self.tables & fields.keys() & extra.keys()
            if isinstance(extra[name], dict)
        }

    # -- what a protocol may have otherwise

    def _is_formed(self, extra: Fields) -> bool:
        """Whether the user's own fields say what form the answer has."""
        return "response_format" in extra

    def _put_for_tools(self, filling: "Filling") -> None:
        if filling.request.tools:
            filling.fields.update(filling.traits.with_tools)

    def _put_reasoning(self, filling: "Filling", options: ModelOptions) -> None:
        effort, budget = options.reasoning_effort, options.reasoning_budget
        counts = filling.put("reasoning_budget", budget)
        if counts and effort is not None:
            filling.tell("reasoning_effort", "takes a reasoning_budget or a reasoning_effort; the budget is sent")
        elif effort is not None:
            theirs = filling.effort(effort)
            if isinstance(theirs, str):
                filling.put("reasoning_effort", theirs)
            else:
                filling.fields.update(theirs)

    def _put_sampling(self, filling: "Filling", options: ModelOptions) -> None:
        filling.put("temperature", options.temperature)
        if options.max_tokens is not None:
            filling.put("max_tokens", options.max_tokens)
        elif (usual := self._vendor.max_tokens or self.usual_max_tokens) is not None:
            filling.put("max_tokens", min(usual, filling.traits.most.get("max_tokens", usual)))
        filling.put("top_p", options.top_p)
        filling.put("stop", list(options.stop) or None)
        filling.put("seed", options.seed)

    def _put_tools(self, filling: "Filling", options: ModelOptions) -> None:
        if (choice := filling.tool_choice(options.tool_choice)) is not None:
            plain = choice in {"auto", "required", "none"}
            filling.put("tool_choice", choice if plain else self._one_tool(choice))
        if filling.has_tools("parallel_tool_calls", options.parallel_tool_calls):
            filling.put("parallel_tool_calls", options.parallel_tool_calls)

    def _one_tool(self, name: str) -> Fields:
        return {"type": "function", "function": {"name": name}}

    def _put_form(self, filling: "Filling", form: ResponseFormat | None) -> None:
        if form is None:
            return
        kind = kind_of(form, filling.traits, filling.request)
        if kind == "json_schema":
            schema = form.schema if form.schema is not None else {"type": "object"}
            strict = forms.strict(schema) if form.strict else None
            described = {"name": form.name, "schema": strict or schema, "strict": strict is not None}
            filling.put("response_format", self._schema_form(described))
        elif kind == "json_object":
            filling.put("response_format", {"type": "json_object"})

    def _schema_form(self, described: Fields) -> Fields:
        return {"type": "json_schema", "json_schema": described}

    def _put_caching(self, filling: "Filling", options: ModelOptions) -> None:
        filling.put("cache", options.cache)


class Filling:
    """The fields of one request, as they are filled in.

    Attributes:
        request: What they are for.
        fields: So far; the user's own are added at the end and have the last word.
        traits: What the model wants otherwise, given these fields.
    """

    def __init__(self, options: Options, request: Request) -> None:
        self.fields: Fields = {}
        self.request = request
        self._options = options
        self._extra = request.options.extra
        self.look_again()

    def look_again(self) -> None:
        """Take into account what was filled in."""
        self.traits = self._options.traits(self.request.model, {**self.fields, **self._extra})

    def tell(self, option: str, what: str) -> None:
        """Tell the user what the model wants otherwise, once."""
        self._options.tell(self.request.model, option, what)

    def put(self, option: str, value: Any) -> bool:
        """Fill in an option under its name there; leave it out, and tell, where there is none.

        Args:
            option: As we call it.
            value: None: it was not asked for.

        Returns:
            Whether it was filled in, here or by the user.
        """
        if value is None:
            return False
        name = self._options.name(self.traits, option)
        if name is not None and self._is_said(name):
            return True
        if name is None or option in self.traits.drops:
            self.tell(option, f"takes no {option}; it is left out")
            return False
        self.set(name, self._within(option, value))
        return True

    def _is_said(self, path: str) -> bool:
        """Whether the user's own fields say it already."""
        head, _, rest = path.partition(".")
        said = self._extra.get(head)
        if head in self._options.tables and rest and isinstance(said, dict):
            return rest in said
        return head in self._extra

    def set(self, path: str, value: Any) -> None:
        """Fill in a field, or with dots a field in a field."""
        *above, last = path.split(".")
        table = self.fields
        for name in above:
            table = cast("Fields", table.setdefault(name, {}))
        table[last] = value

    def effort(self, effort: str) -> str | Mapping[str, Any]:
        """Return what is sent for a reasoning effort; tell, where that is another one."""
        theirs = self.traits.efforts.get(effort, effort)
        if isinstance(theirs, str) and theirs != effort and "reasoning_effort" not in self.traits.drops:
            self.tell("reasoning_effort", f"knows no reasoning_effort {effort}; {theirs} is sent")
        return theirs

    def has_tools(self, option: str, value: Any) -> bool:
        """Whether there are tools that an option can be about; tell, if it was asked for in vain."""
        if value is not None and not self.request.tools:
            self.tell(option, f"is offered no tools; {option} is left out")
        return value is not None and bool(self.request.tools)

    def tool_choice(self, choice: str | None) -> str | None:
        """Return which tools are to be called: as asked for, if the model can be made to.

        Raises:
            UsageError: It names none of the tools.
        """
        if choice is None or not self.has_tools("tool_choice", choice):
            return None
        names = [tool.name for tool in self.request.tools]
        if choice not in {"auto", "required", "none", *names}:
            raise UsageError(
                f"tool_choice is {choice!r}, which is none of the tools",
                hint=near_miss(choice, ["auto", "required", "none", *names]),
            )
        if choice in {"auto", "none"} or self.traits.forced_tools:
            return choice
        self.tell("tool_choice", f"cannot be made to call a tool; tool_choice {choice} is sent as auto")
        return "auto"

    def _within(self, option: str, value: Any) -> Any:
        least, most = self.traits.least.get(option), self.traits.most.get(option)
        if isinstance(value, list):
            items = cast("list[object]", value)
            if most is not None and len(items) > most:
                self.tell(option, f"takes {most} {option} texts at most; the first {most} are sent")
                return items[:most]
            return items
        if least is not None and value < least:
            self.tell(option, f"takes a {option} of {least} at least; {least} is sent")
            return least
        if most is not None and value > most:
            self.tell(option, f"takes a {option} of {most} at most; {most} is sent")
            return most
        return value


def kind_of(form: ResponseFormat, traits: Traits, request: Request) -> Form | None:
    """Return how the model is held to the form of its answer; None: by words alone."""
    formats = traits.formats_for(request.tools)
    if "json_schema" in formats and (form.schema is not None or "json_object" not in formats):
        return "json_schema"
    return "json_object" if "json_object" in formats else None


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
