"""What is known of models before they are asked anything: context windows and prices, from the list that `prices` uses.

The list is inside the library `genai-prices`; nothing is asked over the network.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from llmgine_cli.llm.prices import FREE


class Listed(NamedTuple):
    """A model in the list.

    Attributes:
        model: `provider:model`.
        context_window: The most tokens of question and answer together; None: not known.
        input_price: US dollars for a million tokens of input, at today's rate for short requests; None: not known.
        output_price: The same for output.
        cached_price: The same for input that the vendor had in its cache.
        retired: Whether its vendor no longer offers it.
        about: One sentence or two, where the list has any.
    """

    model: str
    context_window: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    cached_price: float | None = None
    retired: bool = False
    about: str = ""


def everything(providers: Mapping[str, str]) -> Iterator[Listed]:
    """Return all models that the list has of these providers, by their names here, in its order.

    Args:
        providers: Name → regular expression found in the names of the models it serves.
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    today = datetime.now(UTC)
    for provider, serves in providers.items():
        try:
            known = snapshot.find_provider(None, provider, None)
        except LookupError:
            continue
        for model in known.models:
            if re.search(serves, model.id):
                yield _listed(f"{provider}:{model.id}", model, today)


def find(model: str) -> Listed:
    """Return what the list says of `provider:model`; of one it does not have, nothing but that."""
    provider, _, name = model.partition(":")
    if provider in FREE:
        return Listed(model, input_price=0.0, output_price=0.0)
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, known = get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return Listed(model)
    return _listed(model, known, datetime.now(UTC))


def _listed(name: str, model: Any, today: datetime) -> Listed:
    prices = model.get_prices(today)
    return Listed(
        name,
        context_window=model.context_window,
        input_price=_dollars(prices.input_mtok),
        output_price=_dollars(prices.output_mtok),
        cached_price=_dollars(prices.cache_read_mtok),
        retired=bool(model.deprecated),
        about=" ".join((model.description or "").split()),
    )


def _dollars(price: Any) -> float | None:
    """A rate, or the lowest of one that rises with the size of the request."""
    if price is None:
        return None
    return float(price if isinstance(price, Decimal | int | float) else price.base)
