"""How `run` and `chat` talk: what was asked for, what goes in, and what it took."""
