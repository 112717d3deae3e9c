"""Fakes for the tests of those who write engines, tools and subscribers. See docs/testing.md."""

from llmgine_cli.testing.provider import ScriptedProvider, Step, asks_for, says, scripted_run
from llmgine_cli.testing.recording import Recorder, RecordingBus

__all__ = ["Recorder", "RecordingBus", "ScriptedProvider", "Step", "asks_for", "says", "scripted_run"]
