"""Arithmetic, exact where it can be. The expression is parsed and walked; nothing is ever evaluated as code."""

import ast
import math
from collections.abc import Callable
from typing import Any

from llmgine_cli.api import ToolError, tool

LONGEST = 1_000  # characters
BITS = 10_000  # of the largest whole number, about 3,000 digits

Number = int | float

CONSTANTS: dict[str, Number] = {"pi": math.pi, "π": math.pi, "e": math.e, "tau": math.tau}


def _round(number: Number, digits: int | None = None) -> Number:
    if digits is not None and abs(digits) > 400:  # Python would work out 10 ** digits
        raise ValueError("that is too many digits")
    return round(number, digits)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs, "ceil": math.ceil, "floor": math.floor, "trunc": math.trunc, "round": _round, "min": min, "max": max,
    "sqrt": math.sqrt, "cbrt": math.cbrt, "isqrt": math.isqrt, "hypot": math.hypot, "exp": math.exp,
    "log": math.log, "log2": math.log2, "log10": math.log10, "degrees": math.degrees, "radians": math.radians,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "atan2": math.atan2, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh,
    "gcd": math.gcd, "lcm": math.lcm, "factorial": math.factorial, "comb": math.comb, "perm": math.perm,
}  # fmt: skip
# These grow so fast that their arguments are bounded, not only their results.
BOUNDS = {"factorial": 1_200, "comb": 10_000, "perm": 10_000}

UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {
    ast.UAdd: lambda a: +a,
    ast.USub: lambda a: -a,
}
BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: _power(a, b),  # noqa: PLW0108 -- it is defined below
}
# As people and models write them: times, middle dot, division, minus, en dash.
SIGNS = str.maketrans({"\u00d7": "*", "\u00b7": "*", "\u00f7": "/", "\u2212": "-", "\u2013": "-"})


@tool(effect="read", timeout=5)
def calculate(expression: str) -> str:
    """Work out an arithmetic expression exactly, instead of guessing the result.

    Knows + - * / // % ** and parentheses, pi, e, tau, and sqrt, cbrt, exp, log (natural, or with a base: log(8, 2)),
    log2, log10, sin, cos, tan and their inverses (radians), degrees, radians, hypot, abs, round, floor, ceil, trunc,
    min, max, gcd, lcm, factorial, comb, perm. Whole numbers stay exact.

    Args:
        expression: For example "2 * (3 + 4) ** 2" or "round(100 / 7, 2)". No units, no thousands separators.
    """
    try:
        return str(_value(_parse(expression)))
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except OverflowError:
        raise _too_large() from None
    except RecursionError:
        raise ToolError("the expression is nested too deeply") from None


def _parse(expression: str) -> ast.expr:
    text = expression.strip().translate(SIGNS)
    if not text:
        raise ToolError("the expression is empty")
    if len(text) > LONGEST:
        raise ToolError(f"the expression is longer than {LONGEST:,} characters", hint="work it out in parts")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error) or "too complex"
        raise ToolError(f"this is not an arithmetic expression: {text[:80]} ({said})") from None


def _value(node: ast.expr) -> Number:
    return _checked(_computed(node), node)


def _computed(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            return _constant(name)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](_value(operand))
        case ast.BinOp():
            return _chain(node)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, [_value(argument) for argument in arguments])
        case _:
            raise _not_arithmetic(node)


def _chain(node: ast.BinOp) -> Number:
    """Work through a + b + c + … from the left; a long sum is nested as deeply as it is long."""
    steps: list[ast.BinOp] = []
    first: ast.expr = node
    while isinstance(first, ast.BinOp):
        if type(first.op) not in BINARY:
            raise _not_arithmetic(first)
        steps.append(first)
        first = first.left
    number = _value(first)
    for step in reversed(steps):
        number = _checked(BINARY[type(step.op)](number, _value(step.right)), step)
    return number


def _constant(name: str) -> Number:
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in FUNCTIONS:
        raise ToolError(f"{name} is a function: write {name}(…)")
    raise ToolError(f"{name!r} is not known here", hint=f"constants: {', '.join(CONSTANTS)}")


def _call(name: str, arguments: list[Number]) -> Number:
    if name not in FUNCTIONS:
        raise ToolError(f"there is no function {name!r}", hint=f"there are: {', '.join(FUNCTIONS)}")
    bound = BOUNDS.get(name)
    if bound is not None and any(argument > bound for argument in arguments):
        raise ToolError(f"{name} takes numbers up to {bound:,}")
    try:
        result: Number = FUNCTIONS[name](*arguments)
    except (TypeError, ValueError) as error:
        given = ", ".join(map(str, arguments))
        raise ToolError(f"{name}({given[:60]}): {error}") from None
    return result


def _power(base: Number, exponent: Number) -> Number:
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and (int(base).bit_length() - 1) * exponent > BITS:
        raise _too_large()  # before it is tried
    result: Number | complex = base**exponent
    if isinstance(result, complex):
        raise ToolError(f"{base} ** {exponent} is not a real number")
    return result


def _checked(number: Number, node: ast.expr) -> Number:
    if isinstance(number, int):
        if number.bit_length() > BITS:
            raise _too_large()
    elif not math.isfinite(number):
        raise _too_large() if math.isinf(number) else _not_arithmetic(node)
    return number


def _too_large() -> ToolError:
    return ToolError("the result is too large to write down", hint="whole numbers may have about 3,000 digits")


def _not_arithmetic(node: ast.expr) -> ToolError:
    hints: list[tuple[type | tuple[type, ...], str]] = [
        (ast.Tuple, "write numbers without commas"),
        (ast.Compare, "comparisons are not arithmetic"),
        (ast.Constant, "only numbers"),
    ]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
        hint = "a power is written **"
    else:
        hint = next((said for kind, said in hints if isinstance(node, kind)), "only numbers, operators and functions")
    return ToolError(f"this is not arithmetic: {ast.unparse(node)[:80]}", hint=hint)
