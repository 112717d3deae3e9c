"""llmgine: a command-line toolkit and a small framework for tool-augmented language-model applications."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmgine_cli.bootstrap import Application, build, run_engine

__version__ = "0.1.0"
__all__ = ["Application", "__version__", "build", "run_engine"]


def __getattr__(name: str) -> Any:
    # Lazily, because `llmgine --version` must not pay for the machinery.
    if name in __all__:
        from llmgine_cli import bootstrap

        return getattr(bootstrap, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
