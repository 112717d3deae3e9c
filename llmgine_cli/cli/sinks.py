"""`llmgine sinks`."""

import typer

from llmgine_cli.cli.common import Cli, JsonFlag, command

app = typer.Typer(name="sinks", help="See what takes the events: log, console, collectors.", no_args_is_help=True)


@command(app, "list")
def list_sinks(cli: Cli, *, as_json: JsonFlag = False) -> None:
    """List the sinks there are, and which are on."""
    from llmgine_cli.cli.listing import print_rows
    from llmgine_cli.sinks.catalog import known

    log = cli.settings().log
    wanted = set(log.sinks) if log.enabled else set[str]()
    rows = [(sink, sink.name in wanted) for sink in known()]
    if as_json:
        cli.json(
            [
                {"name": sink.name, "on": on, "what": sink.what, "origin": sink.origin, "package": sink.package}
                for sink, on in rows
            ]
        )
        return
    print_rows(
        cli,
        ("sink", "state", "what", "where"),
        [(sink.name, "on" if on else "off", sink.what, sink.package or sink.origin) for sink, on in rows],
    )
    for name in sorted(wanted - {sink.name for sink, _ in rows}):
        cli.warn(f"log.sinks names {name!r}, and no such sink is installed")
    if not log.enabled:
        cli.note("log.enabled is false: all sinks are off")
