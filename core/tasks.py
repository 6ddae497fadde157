"""The task port: the same functions run under django-q2 (embedded), Celery (production) or inline (tests).

A task is a function named by its dotted path that takes JSON-shaped keyword arguments and may run more than once.
What must not be lost is an `audit.Delivery` or a row with a due time; a message here only makes it happen sooner.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from core import tracing

log = structlog.get_logger(__name__)
Backend = Callable[[str, dict[str, Any]], None]


def enqueue(path: str, **kwargs: Any) -> None:
    """Ask a worker to run the task at `path` once the open transaction has committed.

    A broker that cannot be reached is logged and forgiven: the sweep finds what is due.
    """
    transaction.on_commit(lambda: _send(path, kwargs), robust=True)


def run(path: str, kwargs: Mapping[str, Any]) -> Any:
    """Run the task at `path` here and now, under the trace id that it was sent with."""
    arguments = dict(kwargs)
    with tracing.trace(arguments.pop("trace_id", "")):
        return import_string(path)(**arguments)


def _send(path: str, kwargs: dict[str, Any]) -> None:
    backend: Backend = import_string(settings.TASK_BACKEND)
    try:
        backend(path, {"trace_id": tracing.current(), **kwargs})
    except Exception:
        # The broker's client raises whatever its transport raised; none of it may fail a committed request.
        log.warning("task_not_sent", task=path, exc_info=True)


def send_to_q2(path: str, kwargs: dict[str, Any]) -> None:
    """Put the task on django-q2's queue in the database."""
    async_task = import_string("django_q.tasks.async_task")
    async_task("core.tasks.run", path, kwargs)


def send_to_celery(path: str, kwargs: dict[str, Any]) -> None:
    """Put the task on Celery's queue, without retries, so that a request never waits for a broker."""
    app = import_string("runbookpilot.celery.app")
    app.send_task("core.tasks.run", kwargs={"path": path, "kwargs": kwargs}, retry=False)


def run_inline(path: str, kwargs: dict[str, Any]) -> None:
    """Run the task at once, in the caller's process."""
    run(path, kwargs)


def drop(path: str, kwargs: dict[str, Any]) -> None:
    """Send nothing: the ticker's sweep, or a foreground runner, will find what is due."""
