"""The ticker process of the embedded shape: `python -m runbookpilot.ticker`; in production `runbookpilot beat` ticks."""

import os
import signal
import threading

import django

from core import tasks


def main() -> None:
    """Tick until told to end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    django.setup()
    tick_until_told()


def tick_until_told() -> None:
    """Tick until SIGTERM or SIGINT; Django has to be set up."""
    # The periodic work can be imported only then.
    from runbookpilot.periodic import Tick  # noqa: PLC0415

    done = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: done.set())
    tick = Tick()
    while not done.wait(0.25):
        tick()
    tasks.end()


if __name__ == "__main__":
    main()
