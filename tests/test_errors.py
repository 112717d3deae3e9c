"""The exception tree is what the top of its file says it is."""

import inspect
import re
import subprocess
import sys

import pytest

from llmgine_cli import errors
from llmgine_cli.errors import InvalidAnswerError, LlmgineError, NotFoundError, ProviderError, near_miss

CODES = {0, 1, 2, 3, 4, 5, 6, 130}


def classes() -> list[type[LlmgineError]]:
    return [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, LlmgineError)]


def drawn() -> dict[str, tuple[str, int]]:
    """The tree in the docstring: class name → (name of its parent, exit code)."""
    tree: dict[str, tuple[str, int]] = {}
    ancestors = ["LlmgineError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.fullmatch(r"    ([│ ]*)[├└]── (\w+) +(\d+)\b.*", line):
            depth = len(found[1]) // 4 + 1
            del ancestors[depth:]
            tree[found[2]] = (ancestors[-1], int(found[3]))
            ancestors.append(found[2])
    return tree


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {one.__name__: (one.__mro__[1].__name__, one.exit_code) for one in classes() if one is not LlmgineError}
    assert drawn() == real
    assert len(real) > 20


def test_the_drawn_tree_is_drawn_in_the_order_of_the_file() -> None:
    in_file = sorted(classes(), key=lambda one: inspect.getsourcelines(one)[1])
    assert list(drawn()) == [one.__name__ for one in in_file if one is not LlmgineError]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_class_has_an_exit_code_of_the_design_and_a_sentence(kind: type[LlmgineError]) -> None:
    assert kind.exit_code in CODES - {0}
    assert (kind.__doc__ or "").split("\n")[0].endswith(".")


@pytest.mark.parametrize(
    "kind", [one for one in classes() if one not in {NotFoundError, InvalidAnswerError}], ids=lambda kind: kind.__name__
)
def test_every_class_takes_a_message_and_a_hint(kind: type[LlmgineError]) -> None:
    error = kind("it broke", hint="mend it")
    assert (str(error), error.message, error.hint) == ("it broke", "it broke", "mend it")
    assert kind("it broke").hint is None


def test_a_provider_error_says_whether_to_try_again() -> None:
    error = ProviderError("busy", provider="p", status=503, retryable=True, retry_after=2.5)
    assert (error.provider, error.status, error.retryable, error.retry_after) == ("p", 503, True, 2.5)
    plain = ProviderError("no")
    assert (plain.provider, plain.status, plain.retryable, plain.retry_after) == ("", None, False, None)


def test_not_found_names_the_nearest() -> None:
    error = NotFoundError("engine", "singel_pass", ["single_pass", "tool_chat"])
    assert (str(error), error.hint) == ("no engine named 'singel_pass'", "did you mean single_pass?")
    assert (error.kind, error.name) == ("engine", "singel_pass")


def test_not_found_falls_back_to_its_hint_when_there_is_nothing_to_name() -> None:
    assert NotFoundError("engine", "x", [], hint="make one").hint == "make one"


def test_a_near_miss_names_up_to_three_and_else_what_there_is() -> None:
    assert near_miss("toolchat", ["tool_chat", "tool_char", "x"]) == "did you mean tool_chat or tool_char?"
    assert near_miss("zzz", ["b", "a", "a"]) == "known: a, b"
    assert near_miss("zzz", []) is None
    many = [f"name{number:02}" for number in range(20)]
    assert near_miss("zzz", many) == "known: " + ", ".join(many[:12]) + ", …"


def test_the_module_imports_nothing_of_ours() -> None:
    code = "import sys, llmgine_cli.errors; print(*sorted(name for name in sys.modules if 'llmgine' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # An editable installation may have a finder of its own, named after the distribution.
    ours = [name for name in done.stdout.split() if name.startswith("llmgine_cli")]
    assert ours == ["llmgine_cli", "llmgine_cli.errors"]


def test_an_invalid_answer_names_each_of_its_problems() -> None:
    error = InvalidAnswerError(["age: 'x' is no integer", "name is missing"], answer="{}", hint="try again")
    assert str(error) == "the answer has not the form that was asked for: age: 'x' is no integer; name is missing"
    assert (error.hint, error.answer) == ("try again", "{}")
