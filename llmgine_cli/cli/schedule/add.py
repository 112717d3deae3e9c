"""`llmgine schedule add`."""

from llmgine_cli.cli.common import Cli, JsonFlag, command
from llmgine_cli.cli.run import Words, read_all
from llmgine_cli.cli.schedule.group import app
from llmgine_cli.cli.talk.attaching import Attached, Fragments
from llmgine_cli.cli.talk.forms import Formed
from llmgine_cli.cli.talk.moments import At, In, when
from llmgine_cli.cli.talk.options import Asked
from llmgine_cli.errors import UsageError


@command(app)
def add(
    cli: Cli,
    prompt: Words = None,
    *,
    at: At = None,
    after: In = None,
    asked: Asked,
    attached: Attached,
    fragment: Fragments = None,
    formed: Formed,
    as_json: JsonFlag = False,
) -> None:
    """Have a prompt answered later, and print its id: what llmgine run does with --at or --in.

    The text, model, engine and tools are settled now. Settings, keys and trust are those of the time it runs.
    """
    from llmgine_cli.cli.talk.later import put_off

    due = when(at, after)
    settings, opening, text = read_all(
        cli, prompt or (), asked, attached=attached, fragments=fragment or (), formed=formed
    )
    if not text and asked.template is None and not opening.attached:
        raise UsageError("there is nothing to ask", hint="give a prompt, or pipe text in")
    put_off(cli, settings, opening, text, when=due, asks=asked.settles_approval, as_json=as_json)
