"""Whether the broker is there and what stands in its queues, asked of Redis itself. Every question takes a second at most."""

import contextlib
import dataclasses
import functools
import json
import threading
import time
from typing import Any

import redis
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from runbookpilot.queues import QUEUES

#: The header with the moment at which a message was sent.
SENT_AT = "sent_at"

#: Seconds between two questions to a broker that is gone.
PAUSE = 2.0

#: What a broker that is gone, or not well, makes its clients raise.
ERRORS = (redis.RedisError, OperationalError, OSError)

_asking = threading.Lock()
_watchers: list[threading.Thread] = []


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How many tasks stand in a queue, and for how many seconds the first of them has."""

    depth: int
    age: float


def in_use() -> bool:
    """Return whether this deployment has a broker at all."""
    return bool(settings.TASK_BACKEND.startswith("runbookpilot.celery"))


def ping() -> None:
    """Return when the broker has answered; raises one of ERRORS."""
    _client().ping()


def is_gone() -> bool:
    """Return whether it was found to be gone and has not answered since."""
    return any(watcher.is_alive() for watcher in _watchers)


def found_gone() -> None:
    """Let nobody in this process wait for it again: a thread beside them asks until it answers."""
    with _asking:
        if not is_gone():
            _watchers[:] = [threading.Thread(target=_ask_until_it_answers, name="broker-watcher", daemon=True)]
            _watchers[0].start()


def depth(queue: str) -> int:
    """Return how many tasks stand in a queue; raises one of ERRORS."""
    return int(_client().llen(queue))


def standing() -> dict[str, Standing]:
    """Return what stands in each queue; raises one of ERRORS."""
    pipe = _client().pipeline(transaction=False)
    for queue in QUEUES:
        pipe.llen(queue)
        pipe.lindex(queue, -1)
    answers = pipe.execute()
    pairs = zip(QUEUES, answers[::2], answers[1::2], strict=True)
    return {queue: Standing(int(length), _age(first)) for queue, length, first in pairs}


def _ask_until_it_answers() -> None:
    while True:
        time.sleep(PAUSE)
        with contextlib.suppress(*ERRORS):
            ping()
            return


def _age(raw: bytes | None) -> float:
    if raw is None:
        return 0.0
    headers: dict[str, Any] = json.loads(raw).get("headers", {})
    return max(time.time() - float(headers.get(SENT_AT, time.time())), 0.0)


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.CELERY["broker_url"],
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
