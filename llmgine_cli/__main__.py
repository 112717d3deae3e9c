"""Where the program starts: `llmgine`, and `python -m llmgine_cli`.

`--version` is answered here: scripts ask it often, and it should not wait for the command line to be built.
"""

import gc
import os
import sys


def main() -> None:
    """Run the program and leave with its exit code."""
    try:
        if None in (sys.stdin, sys.stdout, sys.stderr):
            _open_streams()
        if sys.argv[1:] == ["--version"]:
            _version()
            return
        # Imports make many objects that stay: looking through them for garbage again and again costs a twentieth of a
        # start.
        gc.set_threshold(200_000, 20, 20)
        from llmgine_cli.cli.app import main as run

        run()
    except KeyboardInterrupt:  # early: while it imports
        os._exit(130)


def _version() -> None:
    from llmgine_cli import __version__

    try:
        sys.stdout.write(f"llmgine {__version__}\n")
        sys.stdout.flush()
    except OSError as error:
        from llmgine_cli.cli.app import leave, tell_unwritten

        leave(tell_unwritten(error))


def _open_streams() -> None:
    """Open the null device where a standard stream was closed: the next file opened would take its place.

    What is written to a closed stdout is an error all the same: whoever closed it will not get the answer.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = os.O_RDONLY if name == "stdout" else os.O_RDWR
            opened = os.open(os.devnull, mode)  # the lowest number that is free: this one, as we go upwards
            os.set_inheritable(opened, True)
            stream = open(opened, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115 -- to the end
            setattr(sys, name, stream)


if __name__ == "__main__":
    main()
