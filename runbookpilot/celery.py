"""The Celery application of the production shape: one task, which runs those of `core.tasks` by their path.

Workers import it, and the task port sends through it. Nothing here waits for a broker that is gone: after a failure
nothing is even tried until it answers again, and the sweep sends again what nobody got.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog
from celery import Celery, signals
from celery.app.amqp import AMQP
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu.connection import Connection

from core import tasks
from core.tasks import Message
from runbookpilot import acknowledging, broker, nudges

log = structlog.get_logger(__name__)

RUN = "core.tasks.run"
#: As many as may stand in a queue before a sweep adds no more: what it would add may be standing there already.
ROOM = 200

#: A worker waits for work longer than anybody may wait who publishes.
_WAITING = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0}
#: Seconds between two tries to connect, however long the broker has been gone.
_LONGEST_REST = 4.0


class _Connection(Connection):
    """One that a worker finds again soon after an outage of any length."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Connection:
        return super().ensure_connection(*args, **{"interval_max": _LONGEST_REST, **kwargs})  # type: ignore[no-untyped-call]


class _Amqp(AMQP):
    Connection = _Connection


class _Application(Celery):
    def connection_for_read(self, url: str | None = None, **kwargs: Any) -> Connection:
        return super().connection_for_read(url, **{"transport_options": _WAITING, **kwargs})


acknowledging.install()
app = _Application("runbookpilot", amqp=_Amqp)
app.conf.update(settings.CELERY)
app.steps["worker"].add(DjangoStructLogInitStep)


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
    """Put one task into its queue; raises what the broker's client raises, and does nothing while the broker is gone.

    Word of a delivery is gathered for a moment.
    """
    if broker.is_gone():
        log.debug("broker_gone", task=message.path)
    elif message.path == nudges.ONE:
        _nudges.gather(message)
    else:
        _publish(message)


def spread(messages: Sequence[Message]) -> int:
    """Put tasks into their queues as far as there is room; return how many. A broker that is gone takes none."""
    if broker.is_gone():
        return 0
    try:
        return sum(_fill(name, list(group)) for name, group in groupby(messages, key=lambda message: message.queue))
    except broker.ERRORS as error:
        broker.found_gone()
        log.warning("broker_unreachable", error=type(error).__name__)
        return 0


def _fill(queue: str, messages: Sequence[Message]) -> int:
    room = max(ROOM - broker.depth(queue), 0)
    return sum(_publish(message) for message in messages[:room])


def _publish(message: Message) -> bool:
    """Return whether it was sent: not so where others, for whom this waited, have found the broker gone."""
    arguments: Mapping[str, Any] = {"path": message.path, "kwargs": dict(message.kwargs)}
    with app.producer_or_acquire() as producer:
        if broker.is_gone():
            return False
        try:
            app.send_task(
                RUN,
                kwargs=arguments,
                queue=message.queue,
                expires=message.expires,
                retry=False,
                headers={broker.SENT_AT: time.time()},
                # Otherwise written out for each message, for logs that nobody keeps.
                argsrepr="",
                kwargsrepr=message.path,
                producer=producer,
            )
        except broker.ERRORS:
            # Before the producer is given to the next who waits for one.
            broker.found_gone()
            raise
    return True


_nudges = nudges.Nudges(_publish)
