"""A prompt template: what its file says, and the messages that become of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmgine_cli.errors import PromptError, near_miss
from llmgine_cli.llm.messages import Message, Text
from llmgine_cli.prompting import frontmatter
from llmgine_cli.prompting.body import Body, PlainBody
from llmgine_cli.prompting.frontmatter import Output, Scalar
from llmgine_cli.prompting.inputs import Input, check_values, read_inputs
from llmgine_cli.prompting.jinja import JinjaBody
from llmgine_cli.prompting.sections import Section, join

LIMIT = 4 * 1024 * 1024  # bytes; a template beyond it is a mistake
INPUT = "input"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What a model will be given.

    Attributes:
        messages: The conversation, without the system message.
        system: The system message.
        missing: Placeholders that had no value and stand in the text as they are.
    """

    messages: tuple[Message, ...]
    system: str | None
    missing: tuple[str, ...]

    @property
    def conversation(self) -> tuple[Message, ...]:
        """All messages, the system message first."""
        return ((Message("system", (Text(self.system),)),) if self.system else ()) + self.messages

    @property
    def text(self) -> str:
        """All of it as text: a single message of the user as it is, others below their `# role:` lines."""
        # A rendered message has one of the three roles that a section can have.
        return join(Section(message.role, message.text) for message in self.conversation)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Template:
    """A prompt file; see `frontmatter.FrontMatter` for what the fields mean.

    Attributes:
        path: Where it was read.
        source: The whole file as text.
        inputs: What the front matter says of its placeholders, defaults included.
        body: What stands below the front matter.
    """

    name: str
    path: Path
    source: str
    description: str
    version: str | None
    model: str | None
    engine: str | None
    config: Mapping[str, Any]
    inputs: Mapping[str, Input]
    output: Output
    tools: tuple[str, ...]
    metadata: Mapping[str, Any]
    body: Body

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of all its placeholders."""
        return self.body.names

    @property
    def takes_input(self) -> bool:
        """Whether it says with `{input}` where the user's own text belongs."""
        return INPUT in self.body.names

    def render(self, values: Mapping[str, Any], *, strict: bool = False) -> Rendered:
        """Put values into the placeholders.

        Args:
            values: Placeholder → value; the front matter's defaults stand in for those that are not given.
            strict: Whether a placeholder without a value is an error rather than left as it stands.

        Raises:
            PromptError: A value has no placeholder or is not what the front matter says; a placeholder has no value.
        """
        return self.fill(values, "", strict=strict)

    def fill(self, values: Mapping[str, Any], text: str, *, strict: bool = False) -> Rendered:
        """Put values into the placeholders, and the user's own text where it belongs.

        That is in `{input}`, or below everything as the last message of the user: where there is no such
        placeholder, or a value was given for it.

        Args:
            values: As for `render`.
            text: What the user typed or piped in; may be empty.
            strict: As for `render`.

        Raises:
            PromptError: As for `render`.
        """
        given = check_values(self.inputs, values, self.name)
        known: dict[str, Scalar] = {
            name: about.default for name, about in self.inputs.items() if about.default is not None
        }
        if text:
            known[INPUT] = text
        filled = self.body.fill({**known, **given})
        self._refuse_unknown(given, filled.names)
        if strict and filled.missing:
            raise PromptError(
                f"prompt {self.name!r}: no value for {', '.join(filled.missing)}", hint=how_to_give(filled.missing)
            )
        systems = [section.text for section in filled.sections if section.role == "system"]
        messages = [Message(role, (Text(said),)) for role, said in filled.sections if role != "system"]
        if text and (INPUT in given or INPUT not in filled.names):
            messages.append(Message("user", (Text(text),)))
        return Rendered(messages=tuple(messages), system="\n\n".join(systems) or None, missing=filled.missing)

    def _refuse_unknown(self, given: Mapping[str, Scalar], names: tuple[str, ...]) -> None:
        for name in given:
            if name not in names:
                raise PromptError(
                    f"prompt {self.name!r} has no placeholder {name!r}",
                    hint=near_miss(name, names) or "it has none at all",
                )


def how_to_give(missing: tuple[str, ...]) -> str:
    """Say how the placeholders without a value get one on the command line."""
    flags = " ".join(f"-p {name} VALUE" for name in missing if name != INPUT)
    typed = "type or pipe in the text for {input}" if INPUT in missing else ""
    return " and ".join(part for part in (f"give it with {flags}" if flags else "", typed) if part)


def read(path: Path) -> Template:
    """Read a prompt file.

    Raises:
        PromptError: It cannot be read, is not UTF-8 text, or its front matter is wrong.
    """
    source = _read_text(path)
    yaml_source, text, line = frontmatter.split(source, path)
    front = frontmatter.FrontMatter() if yaml_source is None else frontmatter.parse(yaml_source, path)
    body: Body = JinjaBody(text, path, line) if front.format == "jinja" else PlainBody(text)
    inputs = read_inputs(front.input, path)
    if isinstance(body, PlainBody):
        # A Jinja template is not worth a process before it is rendered.
        _refuse_unused(inputs, body, path)
    return Template(
        name=front.name or path.stem,
        path=path,
        source=source,
        description=front.description,
        version=None if front.version is None else str(front.version),
        model=front.model,
        engine=front.engine,
        config=front.config,
        inputs=inputs,
        output=front.output,
        tools=front.tools,
        metadata=front.metadata,
        body=body,
    )


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise PromptError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > LIMIT:
        raise PromptError(f"{path}: longer than {LIMIT // 1024 // 1024} MiB", hint="is it a prompt?")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise PromptError(
            f"{path}: not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}", hint="save it as UTF-8"
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _refuse_unused(inputs: Mapping[str, Input], body: PlainBody, path: Path) -> None:
    for name in inputs:
        if name not in body.names:
            raise PromptError(
                f"{path}: the front matter speaks of an input {name!r} that the text does not use",
                hint=near_miss(name, body.names) or f"write {{{name}}} where it belongs",
            )
