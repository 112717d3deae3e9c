"""What calls of models cost, from the list inside the library `genai-prices`; nothing is asked over the network.

A call costs what its tokens cost at the rates of its day, and some vendors have higher rates for long requests: rates
are looked up once for each of these and kept, in a file as well, for the library takes long to load.
"""

from bisect import bisect_left
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

import msgspec

from llmgine_cli.llm.kept import keep, kept
from llmgine_cli.llm.stream import Usage

FREE = frozenset({"local", "echo"})
"""Providers that run in this very process."""

_HALF_HOUR = 1_800_000_000_000  # nanoseconds; as fine as prices by the time of day are
_DAY = 48 * _HALF_HOUR
_ALWAYS = 2**63 - 1
_MILLION = 1_000_000
_FORMAT = 1  # of the file of rates


class _Rates(NamedTuple):
    """US dollars for one token."""

    fresh: float
    cached: float
    written: float
    output: float


class _Model(msgspec.Struct, frozen=True, eq=False, array_like=True):
    """A model in the list, and where its rates change.

    Attributes:
        provider: As the list calls it.
        name: As the list finds it.
        step: Nanoseconds in which the rates stay the same.
        tiers: The sizes of a request, in tokens, above which the rates are others.
        rates: Those that were looked up, by step and tier.
    """

    provider: str
    name: str
    step: int
    tiers: tuple[int, ...]
    rates: dict[tuple[int, int], _Rates | None] = msgspec.field(default_factory=dict[tuple[int, int], _Rates | None])


class _Kept(msgspec.Struct, array_like=True):
    """What is in the file: of which list of prices it is, and each model by the names it was asked for with."""

    format: int
    edition: str
    models: dict[tuple[str, str | None], _Model | None]


class Charged(Protocol):
    """A total of US dollars as far as they are known, and of calls whose price is not."""

    price: float
    unpriced: int


class Spent(Charged, Protocol):
    """The same, and of tokens."""

    input_tokens: int
    output_tokens: int


def is_free(model: str) -> bool:
    """Whether a call of this model, as `provider:model`, costs nothing."""
    return model.partition(":")[0] in FREE


class NotAtHandError(Exception):
    """A price is not among those that were looked up before; raised by `Prices.at_hand` alone, for its caller."""


class Prices:
    """Looks prices up, and remembers what it found.

    Args:
        cache: The folder where that is kept for the next time; None: nowhere.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self._path = None if cache is None else cache / "prices.msgpack"
        self._looked_up = False

    def cost(self, model: str, usage: Usage, time_ns: int, *, answered: str | None = None) -> float | None:
        """Return what a call cost, in US dollars; None if that is not known.

        Args:
            model: `provider:model` as it was asked for.
            usage: Its tokens.
            time_ns: When it was, nanoseconds since 1970.
            answered: The model that answered, as the vendor names it.
        """
        given, made = usage.input_tokens, usage.output_tokens
        if given is None and made is None:
            return 0.0 if is_free(model) else None
        name = (model, answered)
        if name not in self._models:
            if is_free(model):
                return 0.0
            self._models[name] = self._find(model, answered)
        known = self._models[name]
        if known is None:
            return None
        size = given or 0
        rates = self._at(known, time_ns // known.step, bisect_left(known.tiers, size))
        if rates is None:
            return None
        cached = min(usage.cached_tokens or 0, size)
        written = min(usage.cache_write_tokens or 0, size - cached)
        fresh = size - cached - written
        return fresh * rates.fresh + cached * rates.cached + written * rates.written + (made or 0) * rates.output

    def add(self, total: Spent, model: str, usage: Usage, time_ns: int, *, answered: str | None = None) -> None:
        """Add the tokens and the price of a call to a total; arguments as for `cost`."""
        total.input_tokens += usage.input_tokens or 0
        total.output_tokens += usage.output_tokens or 0
        self.charge(total, model, usage, time_ns, answered=answered)

    def charge(self, total: Charged, model: str, usage: Usage, time_ns: int, *, answered: str | None = None) -> None:
        """Add the price of a call to a total, or count that it has none; arguments as for `cost`."""
        price = self.cost(model, usage, time_ns, answered=answered)
        if price is None:
            total.unpriced += 1
        else:
            total.price += price

    def at_hand(self) -> "Prices":
        """Return one that knows what this one knows, and looks nothing up itself.

        `cost`, `add` and `charge` raise `NotAtHandError` instead. It is for a fork that counts a piece of a log: what
        that looked up would be lost with it.
        """
        return _AtHand(self)

    def keep(self) -> None:
        """Write down what was looked up, if anything was; that it cannot be written is no failure."""
        if self._path is None or not self._looked_up:
            return
        rates = _Kept(_FORMAT, edition(), self._models)
        if rates.edition and keep(self._path, msgspec.msgpack.encode(rates)):
            self._looked_up = False

    @cached_property
    def _models(self) -> dict[tuple[str, str | None], _Model | None]:
        rates = kept(self._path, _Kept)
        return rates.models if rates and (rates.format, rates.edition) == (_FORMAT, edition()) else {}

    def _find(self, model: str, answered: str | None) -> _Model | None:
        self._looked_up = True
        provider, _, name = model.partition(":")
        for candidate in (name, answered):
            try:
                found = self._library.calc_price(
                    self._library.Usage(input_tokens=1), candidate or "", provider_id=provider
                )
            except (LookupError, ValueError):
                continue
            prices: Any = found.model.prices
            step = _HALF_HOUR if "TimeOfDateConstraint" in repr(prices) else _DAY
            if not isinstance(prices, list):
                step = _ALWAYS
            return _Model(provider, candidate or "", step, _tiers(found.model_price))
        return None

    def _at(self, model: _Model, period: int, tier: int) -> _Rates | None:
        key = (period, tier)
        if key not in model.rates:
            self._looked_up = True
            model.rates[key] = self._look_up(model, period * model.step, tier)
        return model.rates[key]

    def _look_up(self, model: _Model, time_ns: int, tier: int) -> _Rates | None:
        """Ask what requests of this size cost that differ in one kind of token, and take the differences."""
        size = model.tiers[tier - 1] + 1 if tier else 1
        try:
            when = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
            nothing, cached, written, output = (
                float(
                    self._library.calc_price(
                        self._library.Usage(
                            input_tokens=size, cache_read_tokens=kept, cache_write_tokens=put, output_tokens=made
                        ),
                        model.name,
                        provider_id=model.provider,
                        genai_request_timestamp=when,
                    ).total_price
                )
                for kept, put, made in ((0, 0, 0), (size, 0, 0), (0, size, 0), (0, 0, _MILLION))
            )
        except (LookupError, ValueError, OverflowError, OSError):
            return None
        return _Rates(nothing / size, cached / size, written / size, (output - nothing) / _MILLION)

    @cached_property
    def _library(self) -> Any:
        import genai_prices

        return genai_prices


class _AtHand(Prices):
    def __init__(self, other: Prices) -> None:
        super().__init__()
        self._models = other._models  # noqa: SLF001 -- of the class above

    def _find(self, model: str, answered: str | None) -> NoReturn:  # noqa: ARG002 -- as in the other
        raise NotAtHandError(model)

    def _look_up(self, model: _Model, time_ns: int, tier: int) -> NoReturn:  # noqa: ARG002
        raise NotAtHandError(model.name)


def edition() -> str:
    """Return what tells this list of prices from others, which may say otherwise; empty where nothing does.

    The library is not loaded for it.
    """
    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None:
        return ""
    try:
        status = Path(spec.origin).with_name("data.py").stat()
    except OSError:  # in an archive, or laid out in another way
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _tiers(price: Any) -> tuple[int, ...]:
    rates: dict[str, Any] = price.__dict__
    return tuple(sorted({int(tier.start) for rate in rates.values() for tier in getattr(rate, "tiers", ())}))
