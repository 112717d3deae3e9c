"""What keeps leases alive, in a thread of its own: an event loop may be blocked by a handler."""

import logging
import threading

from llmgine_cli.bus.schedule.store import ScheduleStore
from llmgine_cli.errors import LlmgineError

logger = logging.getLogger("llmgine_cli.bus")


class Heart:
    """Renews the leases of one owner from now on.

    Args:
        store: Where they are.
        owner: Whose they are.
        held: The numbers of the entries that are being delivered; what is not among them any more is not renewed.
        seconds: How long a lease is.
    """

    def __init__(self, store: ScheduleStore, owner: str, held: set[int], seconds: float) -> None:
        self._store = store
        self._owner = owner
        self._held = held
        self._seconds = seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="schedule leases", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(self._seconds / 3):
            numbers = list(self._held)
            if not numbers:
                continue
            try:
                self._store.renew(self._owner, numbers, seconds=self._seconds)
            except LlmgineError as error:  # the next beat may succeed; if none does, the lease is lost, and told
                logger.warning("the leases of the schedule could not be renewed: %s", error)
