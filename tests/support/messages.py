"""Events and commands as users write them, with a field of each kind that a log must carry."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from llmgine_cli.bus import Command, Event
from llmgine_cli.llm.messages import Message


class Colour(enum.Enum):
    """Plain values."""

    RED = "red"
    BLUE = 2


class Corner(enum.Enum):
    """Values that JSON does not have."""

    LEFT = (0, 1)
    RIGHT = (1, 0)


class Access(enum.Flag):
    """Values that add up."""

    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    """A tuple with names."""

    left: int
    right: str


class Order(BaseModel):
    """A pydantic model."""

    item: str
    when: datetime


@dataclass(frozen=True)
class Place:
    """A dataclass that is no message."""

    name: str
    folder: Path
    inner: "Place | None" = None


@dataclass(frozen=True, kw_only=True)
class Fetch(Command[int]):
    """A command of a user's own."""

    url: str
    tries: int = 3


@dataclass(frozen=True, kw_only=True)
class Pong(Event):
    """As in the design."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Slotted(Event):
    """A class that `dataclass` makes twice."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Everything(Event):
    """One field of each kind."""

    text: str = ""
    number: int = 0
    real: float = 0.0
    maybe: float | None = None
    yes: bool = False
    data: bytes = b""
    path: Path = Path()
    colour: Colour = Colour.RED
    corner: Corner = Corner.LEFT
    access: Access = Access.READ
    when: datetime | None = None
    day: date | None = None
    span: timedelta = timedelta()
    ident: UUID | None = None
    price: Decimal = Decimal(0)
    names: set[str] = field(default_factory=set)
    fixed: frozenset[int] = frozenset()
    row: tuple[int, ...] = ()
    both: tuple[str, Path] = ("", Path())
    pair: Pair = field(default_factory=lambda: Pair(0, ""))
    reals: list[float] = field(default_factory=list)
    table: dict[int, list[Path]] = field(default_factory=dict)
    places: Sequence[Place] = ()
    by_name: Mapping[str, Place] = field(default_factory=dict)
    message: Message | None = None
    order: Order | None = None
    command: Command[Any] | None = None
    event: Event | None = None
    commands: tuple[Command[Any], ...] = ()
    error: Exception | None = None
    anything: Any = None
