"""What can be said of a vendor of models, in the settings' tables `[providers.NAME]`."""

import re
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, to_builtins

from llmgine_cli.settings.table import HIDDEN, Check, Table


def _check_variable(name: str | None) -> None:
    if name is not None and not name.isidentifier():
        raise ValueError("the name of a variable is wanted; llmgine keys set stores a key itself")


def _check_pattern(text: str | None) -> None:
    try:
        re.compile(text or "")
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error


Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
# The fields of `ModelOptions` that are sent one by one.
Option = Literal[
    "temperature",
    "max_tokens",
    "top_p",
    "stop",
    "seed",
    "reasoning_effort",
    "reasoning_budget",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "cache",
    "routing",
]
Count = Literal["temperature", "max_tokens", "top_p", "stop", "seed", "reasoning_budget"]
Names: TypeAlias = dict[Option, str | bool]


def _check_names(names: Names) -> None:
    if true := next((name for name, said in names.items() if said is True), None):
        raise ValueError(f"{true} is true: say what it is called, or false if there is none")


NAMED = Check(_check_names, kind=dict[Option, str | Literal[False]])


class QuirkSettings(Table, frozen=True):
    """What some models of a vendor want otherwise."""

    models: Annotated[
        str,
        Meta(description="Regular expression that matches from the start of a model's name."),
        Check(_check_pattern),
    ]
    unless: Annotated[
        dict[str, Any], Meta(max_length=1, description="A field, and the value or values of it that lift all this.")
    ] = {}
    drops: Annotated[list[Option], Meta(description="Options they refuse; left out, which is told once.")] = []
    names: Annotated[
        Names,
        Meta(description="What they call an option; false: they have none."),
        NAMED,
    ] = {}
    with_tools: Annotated[dict[str, Any], Meta(description="Fields to send whenever tools are offered.")] = {}
    efforts: Annotated[
        dict[Effort, str | dict[str, Any]], Meta(description="Reasoning effort -> what is sent, or fields instead.")
    ] = {}
    budgets: Annotated[
        dict[Effort, Annotated[int, Meta(gt=0)]],
        Meta(description="Reasoning effort -> tokens to think (protocol anthropic)."),
    ] = {}
    least: Annotated[dict[Count, int], Meta(description="The smallest number they take for an option.")] = {}
    most: Annotated[dict[Count, int], Meta(description="The largest number they take; of stop: how many texts.")] = {}
    forced_tools: Annotated[bool | None, Meta(description="Whether they can be made to call a tool.")] = None
    formats: Annotated[
        list[Literal["json_schema", "json_object"]] | None, Meta(description="How they can be held to JSON.")
    ] = None
    formats_with_tools: Annotated[
        bool | None, Meta(description="Whether they can be held to it when they are offered tools.")
    ] = None
    images: Annotated[bool | None, Meta(description="Whether they take pictures.")] = None
    system_role: Annotated[
        Literal["system", "developer", "user"] | None, Meta(description="Who says the system message.")
    ] = None


class RoutingSettings(Table, frozen=True):
    """Who may serve a model that a router (OpenRouter) has from many; -o routing goes before it, key by key."""

    order: Annotated[
        list[str] | None, Meta(description="Whom to try, the first first.", examples=[["anthropic", "google-vertex"]])
    ] = None
    allow_fallbacks: Annotated[
        bool | None, Meta(description="Whether others may be asked when those fail.", examples=[False])
    ] = None
    require_parameters: Annotated[
        bool | None, Meta(description="Ask only those that take every option of the request.", examples=[True])
    ] = None
    data_collection: Annotated[
        Literal["allow", "deny"] | None,
        Meta(description="deny: only those that keep nothing of what they are sent.", examples=["deny"]),
    ] = None
    only: Annotated[list[str] | None, Meta(description="Nobody else.", examples=[["azure"]])] = None
    ignore: Annotated[list[str] | None, Meta(description="Not these.", examples=[["deepinfra"]])] = None
    sort: Annotated[
        Literal["price", "throughput", "latency"] | None, Meta(description="What matters most.", examples=["price"])
    ] = None


class ProviderSettings(Table, frozen=True):
    """A vendor of models: one of your own, or changes to one that is known."""

    protocol: Annotated[
        Literal["chat", "responses", "anthropic"] | None,
        Meta(description="The wire format it speaks; default: chat, or what is known of it.", examples=["chat"]),
    ] = None
    base_url: Annotated[str | None, Meta(description="Where requests go.", examples=["http://127.0.0.1:8000/v1"])] = (
        None
    )
    api_key_env: Annotated[
        str | None,
        Meta(description="The environment variable that holds its key.", examples=["MY_API_KEY"]),
        Check(_check_variable),
    ] = None
    headers: Annotated[
        dict[str, str],
        Meta(description="Sent with every request.", examples=[{"X-Title": "llmgine"}], extra=HIDDEN),
    ] = {}
    requests_per_minute: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="How many requests may begin within any 60 seconds; the rest wait.", examples=[60]),
    ] = None
    max_concurrency: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="How many requests may be under way at a time.", examples=[4]),
    ] = None
    default_model: Annotated[
        str | None, Meta(description="The model when only the provider is named.", examples=["mine-large"])
    ] = None
    own_models: Annotated[
        str | None,
        Meta(
            description="Regular expression for names of models that need no `provider:` before them.",
            examples=["mine-"],
        ),
        Check(_check_pattern),
    ] = None
    aliases: Annotated[
        dict[str, str],
        Meta(description="Short names of its models.", examples=[{"large": "mine-large-2026-10"}]),
    ] = {}
    names: Annotated[
        Names,
        Meta(
            description="What it calls an option of ours, with dots for a field in a field; false: it has none.",
            examples=[{"max_tokens": "max_completion_tokens"}],
        ),
        NAMED,
    ] = {}
    max_tokens: Annotated[
        Annotated[int, Meta(gt=0)] | None, Meta(description="Sent when you set no limit.", examples=[16_384])
    ] = None
    stream_usage: Annotated[
        bool | None, Meta(description="Whether it wants to be asked for usage in a stream.", examples=[True])
    ] = None
    takes_files: Annotated[
        bool | None, Meta(description="Whether it takes documents such as PDFs.", examples=[False])
    ] = None
    reasoning_field: Annotated[
        str | None,
        Meta(description="Where it wants the thoughts back that led to a tool call.", examples=["reasoning_content"]),
    ] = None
    prompt_caching: Annotated[
        bool | None,
        Meta(
            description="Whether to have long prompts kept (protocol anthropic); -o cache sets it for a call.",
            examples=[False],
        ),
    ] = None
    routing: RoutingSettings = RoutingSettings()
    quirks: Annotated[
        list[QuirkSettings],
        Meta(
            description="What some of its models want otherwise; these come after what is known of them.",
            examples=[[{"models": "mine-small", "drops": ["temperature"], "images": False}]],
        ),
    ] = []

    transport: Annotated[
        Literal["http", "sdk"] | None,
        Meta(
            description="What carries the requests: llmgine's own client (http; the default), or the vendor's\n"
            "official library (sdk).",
            examples=["http"],
        ),
    ] = None
    platform: Annotated[
        Literal["azure", "bedrock", "vertex"] | None,
        Meta(description="The cloud it is a part of, as one more region or resource there.", examples=["azure"]),
    ] = None
    api_version: Annotated[str | None, Meta(description="Of Azure's API.", examples=["2025-04-01-preview"])] = None
    region: Annotated[str | None, Meta(description="Of Bedrock or Vertex.", examples=["us-east-1"])] = None
    project: Annotated[str | None, Meta(description="At Google, for Vertex.", examples=["my-project"])] = None

    @property
    def pace(self) -> dict[str, int | None]:
        """How fast it may be asked; all the rest is about the vendor."""
        return {"requests_per_minute": self.requests_per_minute, "max_concurrency": self.max_concurrency}

    @property
    def changes(self) -> dict[str, Any]:
        """What is said of the vendor, and nothing that is not: see `providers.own_vendors.merged`."""
        said: dict[str, Any] = to_builtins(self)
        return {name: value for name, value in said.items() if name not in self.pace}
