"""Arithmetic as Python has it, and nothing else."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgine_cli.errors import ToolError
from tests.support.shipped import shipped_tools

calculate = shipped_tools("calculate").calculate


def refusal(expression: str) -> str:
    with pytest.raises(ToolError) as caught:
        calculate(expression)
    return f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2 * (3 + 4) ** 2", "98"),
        ("2**64", "18446744073709551616"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3.0"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("2 ** -3", "0.125"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("10 - 4 - 3", "3"),
        ("1e3", "1000.0"),
        ("round(100 / 7, 2)", "14.29"),
        ("round(2.5)", "2"),
        ("log(8, 2)", "3.0"),
        ("factorial(20)", "2432902008176640000"),
        ("max(1, 2, 3) + min(4, 5)", "7"),
        ("gcd(12, 18) * lcm(4, 6)", "72"),
        ("sqrt(2) ** 2 - 2", str(math.sqrt(2) ** 2 - 2)),
        ("2 \u00d7 π ÷ π \u2212 1", "1.0"),
        (" 1 + 1 ", "2"),
        ("(-1) ** 10 ** 12", "1"),
        ("0 ** 10 ** 12", "0"),
        ("+".join(["1"] * 500), "500"),
        ("(10 ** 3000) // (10 ** 2998)", "100"),
    ],
)
def test_it_knows_arithmetic(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9", "2**10001", "10**10**10", "(10**2000)**2000", "factorial(10**6)", "1e400", "1e308 * 10",
        "10**3000 * 10**3000", "exp(1000)", "comb(10**9, 5*10**8)", "perm(10**9)", "lcm(10**3000, 10**3000 - 1)",
        "round(5, -10**9)", "2.0 ** 10000", "10**400 / 3", "-(9**9**9)",
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused_at_once(expression: str) -> None:
    assert "too large" in (said := refusal(expression)) or "numbers up to" in said or "too many digits" in said


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "the expression is empty"),
        ("1 +", "this is not an arithmetic expression: 1 +"),
        ("2 plus 2", "this is not an arithmetic expression: 2 plus 2"),
        ("1,000 + 1", "write numbers without commas"),
        ("3 ^ 2", "a power is written **"),
        ("1 < 2", "comparisons are not arithmetic"),
        ("'a' * 9", "only numbers"),
        ("True", "only numbers"),
        ("2j", "only numbers"),
        ("x + 1", "'x' is not known here | constants: pi"),
        ("sin", "sin is a function: write sin(…)"),
        ("sine(1)", "there is no function 'sine'"),
        ("sin(1, 2)", "sin(1, 2): "),
        ("sqrt(-1)", "sqrt(-1): math domain error"),
        ("(-8) ** (1/3)", "is not a real number"),
        ("1 / 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("5 % 0.0", "division by zero"),
        ("(" * 300 + "1" + ")" * 300, "not an arithmetic expression"),
        ("-" * 900 + "1", "nested too deeply"),
        ("1" * 1001, "longer than 1,000 characters"),
        ("1\0", "this is not an arithmetic expression"),
    ],
)
def test_what_is_no_arithmetic_is_told_why(expression: str, said: str) -> None:
    assert said in refusal(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')", "().__class__", "[x for x in (1,)]", "lambda: 1", "open('/etc/passwd')",
        "(y := 1)", "print(1)", "sum([1])", "f'{1}'", "abs.__self__", "min(*[1, 2])", "round(1, ndigits=1)",
        "1 if 1 else 2", "eval('1')", "{1: 2}", "1 and 2", "~1", "1 << 99", "await x", "pow(9, 9)",
    ],
)  # fmt: skip
def test_nothing_else_is_evaluated(expression: str) -> None:
    refusal(expression)


numbers = st.integers(0, 10**6).map(str) | st.floats(0, 1e6, allow_subnormal=False).map(repr)
expressions = st.recursive(
    numbers,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join).map("({})".format)
        | inner.map("-{}".format)
        | inner.map("abs({})".format)
        | st.tuples(inner, st.integers(0, 4).map(str)).map(lambda pair: f"({pair[0]} ** {pair[1]})")
    ),
    max_leaves=12,
)


@given(expressions)
@settings(max_examples=500, deadline=None)
def test_it_computes_what_python_computes(expression: str) -> None:
    try:
        expected: Any = eval(expression, {"__builtins__": {"abs": abs}})
    except ZeroDivisionError:
        assert "division by zero" in refusal(expression)
    except OverflowError:
        assert "too large" in refusal(expression)
    else:
        if isinstance(expected, complex):
            assert "not a real number" in refusal(expression)
        elif isinstance(expected, float) and not math.isfinite(expected):
            assert "too large" in refusal(expression)
        else:
            assert calculate(expression) == str(expected)


@given(st.text(alphabet="0123456789.+-*/%() eπxj,'[]", max_size=30) | st.text(max_size=30))
@settings(max_examples=500, deadline=None)
def test_no_text_whatsoever_brings_it_down(text: str) -> None:
    with suppress(ToolError):
        assert isinstance(calculate(text), str)
