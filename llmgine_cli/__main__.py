"""Where the program starts: `llmgine`, and `python -m llmgine_cli`.

`--version` is answered here: scripts ask it often, and it should not wait for the command line to be built.
"""

import gc
import sys


def main() -> None:
    """Run the program and leave with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from llmgine_cli import __version__

        sys.stdout.write(f"llmgine {__version__}\n")
        return
    # Imports make many objects that stay: looking through them for garbage again and again is a twentieth of a start.
    gc.set_threshold(50_000, 20, 20)
    from llmgine_cli.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
