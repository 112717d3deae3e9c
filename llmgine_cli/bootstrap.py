"""The one place where objects are made and wired together.

::

    async with build() as app:
        async with app.conversation(engine="tool_chat", tools=["current_time"]) as talk:
            outcome = await talk.send("What time is it in Lima?")

Nothing here is global: two applications can live in one process.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from llmgine_cli import places
from llmgine_cli.bus import Bus
from llmgine_cli.conversation import Conversation
from llmgine_cli.errors import CredentialsError, SettingsError, UsageError
from llmgine_cli.llm.breaker import Breaker
from llmgine_cli.llm.calls import Calls
from llmgine_cli.llm.events import ConversationOpened
from llmgine_cli.llm.history import History
from llmgine_cli.llm.messages import Message, ModelOptions, Part
from llmgine_cli.llm.pace import Pace
from llmgine_cli.llm.provider import Model
from llmgine_cli.llm.retry import RetryPolicy
from llmgine_cli.structured.holding import Structured
from llmgine_cli.structured.shape import Shape, is_model, shape_of
from llmgine_cli.toolkit.messages import CallTool

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmgine_cli.bus.schedule import Scheduler
    from llmgine_cli.engine import Engine
    from llmgine_cli.errors import StorageError
    from llmgine_cli.eventlog.writer import EventLog
    from llmgine_cli.llm.budget import Budget
    from llmgine_cli.llm.embeddings import Embeddings
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.providers.catalog import Catalog
    from llmgine_cli.providers.vendor import Vendor
    from llmgine_cli.settings import Settings
    from llmgine_cli.sinks import Sink
    from llmgine_cli.toolkit.runner import ToolRunner
    from llmgine_cli.toolkit.tool import Tool

logger = logging.getLogger(__name__)


class Application:
    """Everything one program run needs, wired together by `build`; an async context manager.

    Attributes:
        settings: As loaded.
        bus: What everything talks over.
        plugins: Where engines and tools are found.
        catalog: Where models are found.
        calls: Calls them, as often and as fast as the settings say.
        log: The event log; None when it is off.
    """

    def __init__(
        self,
        *,
        settings: "Settings",
        bus: Bus,
        plugins: "Plugins",
        catalog: "Catalog",
        calls: Calls,
        log: "EventLog | None",
        sinks: "Sequence[Sink]" = (),
        tell: Callable[[str], object] = logger.warning,
    ) -> None:
        self.settings = settings
        self.bus = bus
        self.plugins = plugins
        self.catalog = catalog
        self.calls = calls
        self.log = log
        self._sinks = sinks
        self._tell = tell
        bus.keep_schedule(lambda: self.scheduler)

    @cached_property
    def scheduler(self) -> "Scheduler":
        """Keeps what `bus.schedule` is given; `start` publishes what came due while nothing ran."""
        from llmgine_cli.bus.schedule import scheduler_for
        from llmgine_cli.eventlog.codec import decode, encode

        return scheduler_for(self.bus, places.schedule_file(), encode=encode, decode=decode)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what runs, close connections, the log and the other sinks. Harmless the second time."""
        async with AsyncExitStack() as last:  # in the opposite order, whatever becomes of each
            last.push_async_callback(_close_all, self._sinks)
            if self.log is not None:
                last.callback(self.log.close)
            last.push_async_callback(self.catalog.aclose)
            if "scheduler" in self.__dict__:  # it was used
                self.scheduler.stop()
                last.push_async_callback(self.scheduler.aclose)
            await self.bus.aclose()

    @asynccontextmanager
    async def conversation(
        self,
        *,
        engine: str | None = None,
        model: str | None = None,
        template_model: str | None = None,
        session_model: str | None = None,
        tools: Sequence[str] = (),
        options: ModelOptions | None = None,
        session_id: str | None = None,
        messages: Sequence[Message] = (),
        stream: bool = True,
        fallbacks: Sequence[str] | None = None,
        shape: Shape | None = None,
    ) -> AsyncGenerator[Conversation]:
        """Open a session on the bus with an engine that handles its prompts.

        Args:
            engine: Name, or path of a file; default: see `usual_engine`.
            model: `provider:model` or an alias; default: see `Catalog.choose`.
            template_model: What a prompt template asks for; `model` goes before it.
            session_model: What the earlier session had; both go before it.
            tools: Names of tools, or paths of files whose tools are all granted.
            options: How to sample; default: as the settings of the engine say.
            session_id: To go on with an earlier session.
            messages: What was said in it.
            stream: Whether answers come in pieces.
            fallbacks: The models that answer should the first one fail, in this order; default: the setting.
            shape: The form that answers must have; default: any text.

        Raises:
            NotFoundError: No engine, tool or provider of that name.
            NoModelError: No model was named and none can be chosen.
            CredentialsError: The provider's key is missing.
            UntrustedError: The engine or tool is in a folder nobody has trusted.
        """
        name = engine or self.usual_engine(tools)
        found = self.plugins.engine(name)
        own, sampling = self.options_of(found, {})
        others = self._models(self.settings.fallback if fallbacks is None else fallbacks)
        try:
            chosen = self.catalog.choose(
                flag=model,
                template=template_model,
                session=session_model,
                setting=self.settings.model,
                unvouched=self.settings.circumstances.model_from,
            )
        except CredentialsError as error:
            if not others:
                raise
            chosen = replace(others.pop(0), reason=f"{error}", explicit=False)
        session = self.bus.session(session_id)
        talk = Conversation(
            self,
            session_id=session.id,
            engine=found,
            model=chosen,
            history=History(self.bus, messages),
            options=sampling if options is None else options,
            engine_options=own,
            stream=stream,
            fallbacks=others,
            shape=shape,
        )
        talk.use_tools(tools)
        async with session:
            session.register(found.command, talk.handle)
            session.register(CallTool, talk.call_tool)
            granted = tuple(tool.name for tool in talk.tools)
            await self.bus.publish(ConversationOpened(engine=name, model=str(chosen), tools=granted))
            yield talk

    def _models(self, names: Sequence[str]) -> list[Model]:
        """Return the models to fall back on; one whose key is missing cannot answer, which is told."""
        found: list[Model] = []
        for name in names:
            try:
                found.append(self.catalog.model(name, reason="a fallback"))
            except CredentialsError as error:
                self._tell(f"{name} is no fallback: {error}")
        return found

    def embedding_model(self, name: str | None = None) -> Model:
        """Return the model that turns texts into vectors: the named one, else see `Catalog.choose_for_embedding`.

        Raises:
            NotFoundError: There is no such provider.
            NoModelError: None is named and none can be chosen.
            CredentialsError: Its key is missing.
        """
        return self.catalog.choose_for_embedding(flag=name, setting=self.settings.embedding_model)

    def usual_engine(self, tools: Sequence[str], setting: str | None = None) -> str:
        """Return the engine to take when nobody names one: that of the setting, unless it calls none of the tools.

        Args:
            tools: What is granted.
            setting: Default: the one for single prompts.

        Raises:
            NotFoundError: There is no engine of the setting's name.
        """
        name = setting or self.settings.engine
        if name and (not tools or self.plugins.engine(name).uses_tools):
            return name
        return "tool_chat" if tools else "single_pass"

    def options_of(self, engine: "Engine", given: Mapping[str, Any]) -> tuple[dict[str, Any], ModelOptions]:
        """Tell an engine's own options from those of the model, over what the settings say in `[engines.NAME]`.

        Args:
            engine: The engine.
            given: Name → value.

        Raises:
            UsageError: Nobody knows an option, or its value is of the wrong type.
        """
        table = self.settings.engines.get(engine.name, {})
        try:
            engine.split(table)
        except UsageError as error:
            error.message = f"[engines.{engine.name}] in the settings: {error.message}"
            raise
        return engine.split({**table, **given})

    async def embed(
        self, texts: Sequence[str], *, model: Model | None = None, dimensions: int | None = None
    ) -> "Embeddings":
        """Turn texts into vectors, in one request.

        Args:
            texts: None of them empty.
            model: Default: see `embedding_model`.
            dimensions: Numbers a vector should have, for models that offer a choice.

        Raises:
            UsageError: The model makes no vectors.
            ProviderError: It failed.
        """
        from llmgine_cli.llm.embeddings import EmbeddingRequest

        model = model or self.embedding_model()
        request = EmbeddingRequest(model=model.name, texts=tuple(texts), dimensions=dimensions)
        return await self.calls.embed(model, request)

    def find_tools(self, names: Sequence[str]) -> "list[Tool]":
        """Return the named tools: names, or paths of files whose tools are all meant.

        Raises:
            NotFoundError: There is no such tool.
            UntrustedError: It is in a folder nobody has trusted.
        """
        return [tool for name in names for tool in self.plugins.tool(name)]

    def tool_runner(self, names: Sequence[str]) -> "ToolRunner":
        """Make what runs the named tools, with approvals and time limits as the settings say.

        Raises:
            NotFoundError: There is no such tool.
            UntrustedError: It is in a folder nobody has trusted.
        """
        from llmgine_cli.toolkit.approval import Approvals
        from llmgine_cli.toolkit.runner import ToolRunner

        return ToolRunner(
            self.bus,
            self.find_tools(names),
            approve=self.settings.tools.approve,
            timeout=self.settings.tools.timeout,
            options=self.settings.tools.options,
            remembered=Approvals(project=self.settings.project or Path.cwd()),
        )


def build(
    settings: "Settings | None" = None,
    *,
    on_log_failure: "Callable[[StorageError], None] | None" = None,
    on_sink_failure: Callable[[str], None] | None = None,
    show: Callable[[str], None] | None = None,
    tell: Callable[[str], object] = logger.warning,
) -> Application:
    """Make an application.

    Args:
        settings: Default: loaded from the environment and the files.
        on_log_failure: Called once if the event log cannot be written; the run goes on without it.
        on_sink_failure: Told once of each other sink that fails; default: the logger `llmgine_cli.sinks` is.
        show: Shows a line of the sink `console`; default: stderr does.
        tell: Called with a line when an untrusted engine or tool was passed over for another of the same name, a model
            to fall back on has no key, or the price of one is not known though there is a cap.

    Raises:
        SettingsError: A setting is wrong.
    """
    from llmgine_cli.plugins import Plugins
    from llmgine_cli.providers.own_vendors import vendors
    from llmgine_cli.settings import load
    from llmgine_cli.trust import TrustStore

    settings = settings or load()
    known = vendors(settings.vendor_changes)
    keys = list(_keys(settings, known.values()))
    names = dict.fromkeys(settings.log.sinks) if settings.log.enabled else {}
    leftovers = log = None
    if settings.log.enabled:
        from llmgine_cli.eventlog.undelivered import UndeliveredFile

        leftovers = UndeliveredFile(settings.log_dir, secrets=keys)
    bus = Bus(leftovers=leftovers)
    if "jsonl" in names:
        from llmgine_cli.eventlog.writer import EventLog

        log = EventLog(settings.log_dir, secrets=keys, on_failure=on_log_failure)
        log.attach(bus)
        del names["jsonl"]
    tell_sink = on_sink_failure or logging.getLogger("llmgine_cli.sinks").warning
    sinks: list[Sink] = []
    if names:
        from llmgine_cli.eventlog.redact import Redactor
        from llmgine_cli.sinks.catalog import make_all

        sinks = make_all(names, settings.sinks, redact=Redactor(keys), tell=tell_sink, write=show)
    for sink in sinks:
        sink.attach(bus)
    return Application(
        settings=settings,
        bus=bus,
        plugins=Plugins(project=settings.project, trust=TrustStore(), tell=tell),
        catalog=make_catalog(settings, known),
        calls=_calls(bus, settings, _budget(bus, settings, logged=log is not None, tell=tell)),
        log=log,
        sinks=sinks,
        tell=tell,
    )


def make_catalog(settings: "Settings", vendors: "Mapping[str, Vendor]") -> "Catalog":
    """Return where models are found.

    Args:
        settings: Where aliases, keys, addresses and time limits are.
        vendors: Who there is, what the settings say of them included.
    """
    from llmgine_cli.providers.catalog import Catalog

    return Catalog(
        vendors=vendors,
        aliases=settings.aliases,
        key=settings.key,
        key_source=settings.key_source,
        address=settings.address,
        untrusted={key[1] for key in settings.circumstances.withheld if key[0] in ("providers", "aliases")},
        connect_timeout=min(settings.limits.connect_timeout, settings.limits.idle_timeout),
        idle_timeout=settings.limits.idle_timeout,
    )


def _budget(bus: Bus, settings: "Settings", *, logged: bool, tell: Callable[[str], object]) -> "Budget | None":
    """Make what knows what may be spent, and what was; None when the settings say nothing of it."""
    limits = settings.limits
    if limits.max_cost is limits.max_cost_session is limits.max_cost_day is None:
        return None
    from llmgine_cli.eventlog.queries.spending import Spending
    from llmgine_cli.llm.budget import Budget, Caps
    from llmgine_cli.llm.prices import Prices

    caps = Caps(run=limits.max_cost, session=limits.max_cost_session, day=limits.max_cost_day)
    prices = Prices(places.cache_dir())
    budget = Budget(caps, prices, ledger=Spending(settings.log_dir, prices), logged=logged, tell=tell)
    budget.attach(bus)
    return budget


def _calls(bus: Bus, settings: "Settings", budget: "Budget | None") -> Calls:
    """Make what calls the models, as the settings say."""
    limits = settings.limits

    def pace(provider: str) -> Pace:
        table = settings.providers.get(provider)
        return (
            Pace(requests_per_minute=table.requests_per_minute, max_concurrency=table.max_concurrency)
            if table
            else Pace()
        )

    def breaker(provider: str) -> Breaker:
        return Breaker(provider, failures=limits.breaker_failures, cooldown=limits.breaker_cooldown)

    policy = RetryPolicy(retries=limits.retries, retry_after_cap=limits.retry_after_cap)
    return Calls(bus, policy=policy, pace=pace, breaker=breaker, budget=budget)


async def run_engine(
    name: str,
    prompt: str,
    *,
    model: str | None = None,
    tools: Sequence[str] = (),
    system: str | None = None,
    attachments: Sequence[Part] = (),
    schema: "type[BaseModel] | Mapping[str, Any] | None" = None,
    settings: "Settings | None" = None,
    **options: Any,
) -> Any:
    """Run one engine on one prompt, from Python, and return its result.

    Args:
        name: The engine's name, or the path of its file.
        prompt: What the user says.
        model: `provider:model` or an alias; default: as the command line would choose.
        tools: Names of tools to grant.
        system: The system message.
        attachments: Pictures, documents and quoted files; see `llmgine_cli.llm.attachments`.
        schema: The form that the answer must have: a pydantic model, of which an instance is returned, or a JSON
            Schema, for plain JSON.
        settings: Default: loaded from the environment and the files.
        options: Sampling options and the engine's own options.

    Raises:
        InvalidAnswerError: The answer has not the form that was asked for, also the second time.
        LlmgineError: Whatever else went wrong.
    """
    shape = _shape(schema)
    async with build(settings) as app:
        engine = app.plugins.engine(name)
        own, sampling = app.options_of(engine, options)
        async with app.conversation(engine=name, model=model, tools=tools, options=sampling, shape=shape) as talk:
            outcome = await talk.send(prompt, system=system, attachments=attachments, **own)
    result = outcome.unwrap()
    return result.value if isinstance(result, Structured) else result


def _shape(schema: "type[BaseModel] | Mapping[str, Any] | None") -> Shape | None:
    if schema is None:
        return None
    shape = shape_of(schema) if is_model(schema) else Shape(schema=schema)  # type: ignore[arg-type]
    shape.check()
    return shape


def _keys(settings: "Settings", vendors: "Iterable[Vendor]") -> Iterator[str]:
    """What may not get into a log; a key that cannot be had now will not be used either."""
    for vendor in vendors:
        yield from vendor.secrets
        for variable in vendor.key_envs:
            with suppress(SettingsError):
                if key := settings.key(variable):
                    yield key.get_secret_value()


async def _close_all(sinks: "Sequence[Sink]") -> None:
    await asyncio.gather(*(sink.aclose() for sink in sinks))
