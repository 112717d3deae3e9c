"""What the user sees of a run: the streamed answer, the spinner, tool panels, the question whether a tool may run."""
