"""Renders one Jinja template in a process of its own, and leaves.

A sandboxed template can reach nothing, but it can still ask for ten gigabytes or for eternity, in more ways than one
can list; already its compilation can, because constants are folded. So all of Jinja runs here: this process limits its
own memory and time before it looks at the template, and the parent kills it when it is late.

The file is run by its path and imports nothing of ours: `-m` would put the working folder, which may be a stranger's,
before Jinja's own; `-P` keeps the modules beside this one out of the way as well.
"""

import json
import sys
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment


def main() -> None:
    """Answer the question on stdin (JSON) on stdout (JSON)."""
    asked = json.loads(sys.stdin.buffer.read())
    _limit(memory=asked["memory"], seconds=asked["seconds"])
    try:
        answer = _work(asked["source"], asked["values"], asked["length"])
    except MemoryError:
        answer = {"error": "it needs too much memory"}
    except RecursionError:
        answer = {"error": "it is nested too deeply"}
    except TemplateSyntaxError as error:
        answer = {"error": error.message, "line": error.lineno}
    except Exception as error:  # noqa: BLE001 -- a template can raise whatever Python can: all of it is the template's fault
        kind = "" if isinstance(error, TemplateError) else f"{type(error).__name__}: "
        answer = {"error": f"{kind}{error}"[:500], "line": _line_of(error)}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _limit(*, memory: int, seconds: int) -> None:
    """Bound this process; where the system cannot, the parent's time limit is what is left."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + seconds
    wanted = [(resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_CORE, 0)]
    for kind, most in wanted:
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            continue  # macOS refuses some of them


def _work(source: str, values: dict[str, Any] | None, length: int) -> dict[str, Any]:
    """Name the template's variables and, when there are values, render it."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    names = sorted(find_undeclared_variables(environment.parse(source)))
    if values is None:
        return {"names": names}
    pieces: list[str] = []
    total = 0
    try:
        for piece in environment.from_string(source).generate(values):
            total += len(piece)
            if total > length:
                return {"error": f"its text is longer than {length:,} characters"}
            pieces.append(piece)
    except UndefinedError as error:
        missing = [name for name in names if name not in values]
        if not missing:
            raise
        return {"names": names, "missing": missing, "error": str(error), "line": _line_of(error)}
    return {"names": names, "text": "".join(pieces)}


def _line_of(error: BaseException) -> int | None:
    """The template's line in which it was raised; Jinja puts it into the traceback."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


if __name__ == "__main__":
    main()
