"""Word of deliveries that wait, gathered: those of one queue that follow each other within a moment go as one message.

A busy source makes hundreds a second, and a message costs both sides as much as the delivery. Nobody who commits waits for the
broker, either. What is lost here, with the process or with the broker, the sweep finds.
"""

import atexit
import threading
import time
from collections.abc import Callable

import structlog

from core.tasks import Message

log = structlog.get_logger(__name__)

ONE, SEVERAL = "audit.tasks.deliver", "audit.tasks.deliver_several"
#: Seconds that word waits for more, and deliveries in one message: a worker does them one after another.
PAUSE, MOST = 0.02, 10


class Nudges:
    """What this process has to say; a thread beside those who work says it, and what is left is said when the process ends."""

    def __init__(self, publish: Callable[[Message], object]) -> None:
        self._publish = publish
        self._waiting: dict[str, list[str]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        atexit.register(self.say)

    def gather(self, message: Message) -> None:
        """Take word of one delivery."""
        with self._changed:
            self._waiting.setdefault(message.queue, []).append(message.kwargs["delivery_id"])
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
                self._thread.start()
            self._changed.notify()

    def say(self) -> None:
        """Send what was gathered; what the broker does not take is left to the sweep."""
        with self._changed:
            waiting, self._waiting = self._waiting, {}
        for queue, ids in waiting.items():
            for first in range(0, len(ids), MOST):
                message = Message(SEVERAL, {"delivery_ids": ids[first : first + MOST]}, queue)
                try:
                    self._publish(message)
                except Exception:
                    # The broker's client raises whatever its transport raised.
                    log.warning("task_not_sent", task=SEVERAL, exc_info=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
            time.sleep(PAUSE)
            self.say()
