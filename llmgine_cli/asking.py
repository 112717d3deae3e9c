"""Asking the user: an engine wants a yes, a choice or a few words, and whoever runs it may have nobody to ask.

A front end that can ask handles `AskUser`. Where nobody does, or the user does not answer, the answer that the question
declares for that case counts; a question that declares none fails, so that a script never hangs.
"""

import asyncio
from typing import Literal, TypeAlias

from llmgine_cli.bus import Bus, Command, Event
from llmgine_cli.bus.messages import message
from llmgine_cli.errors import NoHandlerError, UnansweredError, UsageError

Kind: TypeAlias = Literal["confirm", "select", "text"]
YES, NO = "yes", "no"


@message
class AskUser(Command[str | None]):
    """Ask the user something. Handled by the front end, which returns None when the user gives no answer.

    Attributes:
        kind: A yes or no, one of several choices, or a line of text.
        question: One sentence; it may hold anything, and is made safe by whoever shows it.
        choices: What there is to choose from, for `select`.
        default: What Enter alone means; None: nothing, but for a text, which may be empty.
        unattended: The answer where nobody can be asked, or nobody answers; None: that is an error.
        timeout: Seconds to wait for the user; None: for ever.
    """

    kind: Kind
    question: str
    choices: tuple[str, ...] = ()
    default: str | None = None
    unattended: str | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        """Refuse a question that cannot be answered."""
        if self.kind == "select" and (not all(self.choices) or not 0 < len(set(self.choices)) == len(self.choices)):
            raise UsageError(f"the choices must differ, and there must be some: {self.question!r}")
        for name, answer in (("default", self.default), ("unattended", self.unattended)):
            if answer is not None and not self.takes(answer):
                raise UsageError(f"{name} is {answer!r}, which is no answer to {self.question!r}")

    def takes(self, answer: str) -> bool:
        """Whether this is an answer to the question."""
        return self.kind == "text" or answer in (self.choices if self.kind == "select" else (YES, NO))


@message
class UserAnswered(Event):
    """A question has its answer.

    Attributes:
        question_id: The `command_id` of the `AskUser`.
        question: What was asked.
        answer: The answer.
        by: Who gave it: the user, or the question itself because nobody else did.
    """

    question_id: str
    question: str
    answer: str
    by: Literal["user", "default"]


async def ask(bus: Bus, question: AskUser) -> str:
    """Have the user answer.

    Raises:
        UnansweredError: Nobody answered, and the question does not say what that means.
    """
    answer = await _asked(bus, question)
    if answer is not None and not question.takes(answer):
        raise UsageError(f"{answer!r} is no answer to {question.question!r}")
    by: Literal["user", "default"] = "default" if answer is None else "user"
    if answer is None:
        answer = question.unattended
    if answer is None:
        raise UnansweredError(
            f"nobody answered: {question.question}", hint="run it where you can be asked: in a terminal"
        )
    await bus.publish(UserAnswered(question_id=question.command_id, question=question.question, answer=answer, by=by))
    return answer


def word(answer: bool | None) -> str | None:
    """Return a yes or no as the answer to a confirmation."""
    return None if answer is None else YES if answer else NO


async def _asked(bus: Bus, question: AskUser) -> str | None:
    try:
        async with asyncio.timeout(question.timeout):
            outcome = await bus.execute(question)
    except (NoHandlerError, TimeoutError):
        return None
    return outcome.unwrap()
