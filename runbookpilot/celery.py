"""The Celery application of the production shape: one task, which runs those of `core.tasks` by their path.

Workers import it, and the task port sends through it. Nothing here waits for a broker that is gone: after a failure the
next seconds' messages are not even tried, and the sweep sends again what nobody got.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog
from celery import Celery, signals
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

from core import tasks
from core.tasks import Message
from runbookpilot import acknowledging, broker

log = structlog.get_logger(__name__)

RUN = "core.tasks.run"
#: Seconds without a try after one that failed.
PAUSE = 2.0
#: As many as may stand in a queue before a sweep adds no more: what it would add may be standing there already.
ROOM = 200

acknowledging.install()
app = Celery("runbookpilot")
app.conf.update(settings.CELERY)
app.steps["worker"].add(DjangoStructLogInitStep)

_silent_until = 0.0


@app.task(name=RUN)  # type: ignore[untyped-decorator]
def run(path: str, kwargs: dict[str, Any]) -> None:
    """Run a task by its path; one that no queue covers is kept as a dead letter and refused, whoever put it there."""
    try:
        tasks.queue(path)
    except tasks.UnknownTask as error:
        tasks.keep(path, kwargs, error)
        raise
    tasks.run(path, kwargs)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _keep_logging(**_: Any) -> None:
    """Leave logging as Django's settings made it."""


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _end_slices(**_: Any) -> None:
    """Let drives give their executions back at the next safe point."""
    tasks.end()


def send(message: Message) -> None:
    """Put one task into its queue; raises what the broker's client raises, at most every few seconds."""
    if time.monotonic() < _silent_until:
        log.debug("broker_silent", task=message.path)
        return
    _publish(message)


def spread(messages: Sequence[Message]) -> int:
    """Put tasks into their queues as far as there is room; return how many. A broker that is gone takes none."""
    if time.monotonic() < _silent_until:
        return 0
    try:
        return sum(_fill(name, list(group)) for name, group in groupby(messages, key=lambda message: message.queue))
    except broker.ERRORS as error:
        log.warning("broker_unreachable", error=type(error).__name__)
        return 0


def _fill(queue: str, messages: Sequence[Message]) -> int:
    try:
        room = max(ROOM - broker.depth(queue), 0)
    except broker.ERRORS:
        _be_silent()
        raise
    for message in messages[:room]:
        _publish(message)
    return len(messages[:room])


def _publish(message: Message) -> None:
    arguments: Mapping[str, Any] = {"path": message.path, "kwargs": dict(message.kwargs)}
    try:
        app.send_task(
            RUN,
            kwargs=arguments,
            queue=message.queue,
            expires=message.expires,
            retry=False,
            headers={broker.SENT_AT: time.time()},
        )
    except broker.ERRORS:
        _be_silent()
        raise


def _be_silent() -> None:
    global _silent_until
    _silent_until = time.monotonic() + PAUSE
