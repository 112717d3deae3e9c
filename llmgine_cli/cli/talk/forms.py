"""The form that an answer must have, as the command line or a prompt template says."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import typer

from llmgine_cli.errors import UsageError

if TYPE_CHECKING:
    from llmgine_cli.prompting.template import Template
    from llmgine_cli.structured.shape import Shape


@dataclass(frozen=True, kw_only=True)
class Formed:
    """The options that say of which form the answer must be, as they were typed."""

    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="SCHEMA",
            help="Answer in JSON: fields as 'name str, age int', a JSON Schema or its file, module:Model.",
        ),
    ] = None
    schema_multi: Annotated[
        str | None,
        typer.Option("--schema-multi", metavar="SCHEMA", help="The same, for a list of such items."),
    ] = None

    @property
    def shape(self) -> "Shape | None":
        """The form; None where the answer may be any text.

        Raises:
            UsageError: Both are given, or it is no schema.
        """
        if self.schema is not None and self.schema_multi is not None:
            raise UsageError("--schema and --schema-multi exclude each other", hint="leave one out")
        text = self.schema if self.schema_multi is None else self.schema_multi
        if text is None:
            return None
        from llmgine_cli.structured.source import read_shape

        return read_shape(text, many=self.schema_multi is not None)


def shape_of_template(template: "Template") -> "Shape | None":
    """Return the form that a prompt template asks of the answer.

    Raises:
        PromptError: Its schema is no JSON Schema.
        UntrustedError: Its schema has a pattern.
    """
    from llmgine_cli.errors import PromptError, UntrustedError

    output = template.output
    if output.format != "json" and output.schema is None:
        return None
    from llmgine_cli.structured.shape import Shape

    if _has_pattern(output.schema):
        # A regular expression can take until the end of days, and a prompt may be anybody's.
        raise UntrustedError(
            f"the prompt {template.name!r} wants its answer to match a pattern, and only you can allow that",
            hint="take the pattern out of it, or give the schema with --schema FILE",
        )
    shape = Shape(schema=output.schema)
    try:
        shape.check()
    except UsageError as error:
        raise PromptError(f"{template.path}: output: {error.message}", hint=error.hint) from error
    return shape


def _has_pattern(schema: object) -> bool:
    if isinstance(schema, list):
        return any(_has_pattern(each) for each in cast("list[object]", schema))
    if not isinstance(schema, dict):
        return False
    given = cast("dict[str, object]", schema)
    # A property may be called so, too; what it has is a schema and no text.
    patterned = isinstance(given.get("pattern"), str) or "patternProperties" in given
    return patterned or any(_has_pattern(each) for each in given.values())
