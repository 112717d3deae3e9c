"""YAML for people who make mistakes and for files that nobody has trusted."""

from pathlib import Path
from typing import Any, cast

import yaml

from llmgine_cli.errors import PromptError


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases, and with each key only once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark: Any = cast("yaml.Event", self.peek_event()).start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key_node.value!r} is there twice", problem_mark=key_node.start_mark
                    )
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def load_mapping(source: str, path: Path) -> dict[str, Any]:
    """Read YAML that must be a mapping; nothing at all is an empty one.

    Args:
        source: The YAML, taken from the file from its second line on.
        path: For the error message.

    Raises:
        PromptError: It is broken (file and line are named), or no mapping.
    """
    try:
        data = yaml.load(source, _Loader)  # noqa: S506 -- the loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 2}" if mark else ""
        raise PromptError(f"{path}{line}: the front matter is no valid YAML: {error.problem or error}") from error
    except (yaml.YAMLError, ValueError) as error:
        # A control character, or a date or number that looks like one and is none.
        raise PromptError(f"{path}: the front matter is no valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise PromptError(f"{path}: the front matter is nested too deeply") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise PromptError(f"{path}: the front matter is a {type(data).__name__}", hint="it must be `key: value` lines")
    return data  # pyright: ignore[reportUnknownVariableType] -- every key and value is checked by the caller
