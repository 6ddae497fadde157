"""The task port: the same functions run under django-q2 (embedded), Celery (production) or inline (tests).

A task is a function named by its dotted path that takes JSON-shaped keyword arguments and may run more than once.
What must not be lost is an `audit.Delivery` or a row with a due time; a message here only makes it happen sooner.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, connections, transaction
from django.utils.module_loading import import_string

from core import tracing

log = structlog.get_logger(__name__)

_ending = threading.Event()


class UnknownTask(ValueError):
    """No row of TASK_QUEUES covers this path, so that no worker would run it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A task to run, by its dotted path, with what it is called with, and the queue it stands in where there are several.

    One that nobody has taken after `expires` seconds is dropped by the broker: another follows anyway.
    """

    path: str
    kwargs: Mapping[str, Any]
    queue: str
    expires: float | None = None


Backend = Callable[[Message], None]
SpreadBackend = Callable[[Sequence[Message]], int]


def enqueue(path: str, /, *, queue_of: str = "", **kwargs: Any) -> None:
    """Ask a worker to run the task at `path` once the open transaction has committed; raises UnknownTask.

    It stands in the queue of the task `queue_of`, where it is going to run that. A broker that cannot be reached is
    logged and forgiven: the sweep finds what is due.
    """
    message = Message(path, {"trace_id": tracing.current(), **kwargs}, _queue(path, queue_of))
    transaction.on_commit(lambda: _send(message), robust=True)


def spread(path: str, many: Iterable[Mapping[str, Any]], *, queue_of: str = "", expires: float | None = None) -> int:
    """Run the task at `path` for each of `many`, here or, where a broker hands work out, by workers; return for how many.

    What workers have no room for is left: whoever found these will find the rest again.
    """
    name = _queue(path, queue_of)
    backend: SpreadBackend = import_string(settings.TASK_SPREAD)
    return backend([Message(path, {"trace_id": tracing.current(), **kwargs}, name, expires) for kwargs in many])


def run(path: str, kwargs: Mapping[str, Any]) -> Any:
    """Run the task at `path` here and now, under the trace id that it was sent with. One that fails is kept, and raises."""
    arguments = dict(kwargs)
    with tracing.trace(arguments.pop("trace_id", "")):
        try:
            return import_string(path)(**arguments)
        except Exception as error:
            keep(path, arguments, error)
            raise


def keep(path: str, arguments: Mapping[str, Any], error: Exception) -> None:
    """Have a task that failed kept, where people see it and it is tried again."""
    if connection.in_atomic_block:
        # Whoever opened this transaction sees the failure, and nothing that is noted in it would stay.
        return
    try:
        import_string(settings.TASK_KEEPER)(path, arguments, error)
    except Exception:
        # What failed is raised in any case; a database that is gone keeps nothing.
        log.warning("failed_task_not_kept", task=path, exc_info=True)


def queue(path: str) -> str:
    """Return the queue that the task at `path` stands in: that of the longest row covering it; raises UnknownTask."""
    name = path
    while name not in settings.TASK_QUEUES:
        name = name.rpartition(".")[0]
        if not name:
            raise UnknownTask(f"{path!r}: {UnknownTask.__doc__}")
    found: str = settings.TASK_QUEUES[name]
    return found


def end() -> None:
    """Let whoever works for long in this process know that it is about to end."""
    _ending.set()


def ending() -> bool:
    """Return whether this process is about to end, so that long work is given back at its next safe point."""
    return _ending.is_set()


def runs_inline() -> bool:
    """Return whether a task has run when the transaction that asked for it has been committed."""
    return bool(f"{run_inline.__module__}.{run_inline.__qualname__}" == settings.TASK_BACKEND)


def send_to_q2(message: Message) -> None:
    """Put the task on django-q2's queue in the database."""
    async_task = import_string("django_q.tasks.async_task")
    async_task("core.tasks.run", message.path, dict(message.kwargs))


def run_inline(message: Message) -> None:
    """Run the task at once, in the caller's process."""
    run(message.path, message.kwargs)


def run_each(messages: Sequence[Message]) -> int:
    """Run tasks one after another in the caller's process, whether or not one fails; return how many did not."""
    done = 0
    for message in messages:
        if ending():
            break
        try:
            run(message.path, message.kwargs)
            done += 1
        except Exception:
            # Each is independent of the others, and found again while it is due.
            log.exception("task_failed", task=message.path)
    return done


def run_beside(messages: Sequence[Message]) -> int:
    """Run tasks beside the caller, those of one path one after another; return for how many there was room.

    A path of which some are still running has room for none.
    """
    by_path: dict[str, list[Message]] = {}
    for message in messages:
        by_path.setdefault(message.path, []).append(message)
    return sum(_begun(path, many) for path, many in by_path.items())


def _begun(path: str, messages: Sequence[Message]) -> int:
    running = _beside.get(path)
    if running is not None and running.is_alive():
        return 0
    # Whoever ends this process waits for it, and by `end` lets it come to its next safe point.
    _beside[path] = threading.Thread(target=_run_beside, args=(messages,), name=f"beside {path}")
    _beside[path].start()
    return len(messages)


def _run_beside(messages: Sequence[Message]) -> None:
    try:
        run_each(messages)
    finally:
        connections.close_all()


#: What runs beside the caller, by its path.
_beside: dict[str, threading.Thread] = {}


def drop(message: Message) -> None:
    """Send nothing: the ticker's sweep, or a foreground runner, will find what is due."""


def _queue(path: str, queue_of: str) -> str:
    own = queue(path)
    try:
        return queue(queue_of) if queue_of else own
    except UnknownTask:
        # What a row of the database names may be older than this version.
        return own


def _send(message: Message) -> None:
    backend: Backend = import_string(settings.TASK_BACKEND)
    try:
        backend(message)
    except Exception:
        # The broker's client raises whatever its transport raised; none of it may fail a committed request.
        log.warning("task_not_sent", task=message.path, exc_info=True)
