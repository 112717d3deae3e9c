"""Questions about the log: which sessions there are, what was said where, what it cost, what can go."""
