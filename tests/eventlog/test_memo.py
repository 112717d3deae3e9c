"""A function that remembers what it returned, and not for ever."""

import pytest

from llmgine_cli.eventlog.memo import Memo


def test_a_function_is_asked_once_for_each_argument() -> None:
    asked: list[int] = []

    def make(number: int) -> int:
        asked.append(number)
        return -number

    memo = Memo(make, 10)

    assert [memo[number] for number in (1, 2, 1, 1)] == [-1, -2, -1, -1]
    assert asked == [1, 2]


def test_what_is_remembered_does_not_grow_for_ever() -> None:
    memo: Memo[int, str] = Memo(str, 256)

    assert [memo[number] for number in range(20_000)] == [str(number) for number in range(20_000)]
    assert len(memo) <= 256


def test_a_function_that_raises_is_asked_again() -> None:
    answers = iter([None, 5])

    def make(_: str) -> int:
        answer = next(answers)
        if answer is None:
            raise ValueError("not yet")
        return answer

    memo = Memo(make, 10)
    with pytest.raises(ValueError, match="not yet"):
        memo["x"]

    assert memo["x"] == 5
