"""The event log: everything that crossed the bus, one JSON line an event, one file a session."""
