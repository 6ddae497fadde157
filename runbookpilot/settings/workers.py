"""What runs background work, and how it gets there."""

import logging
from typing import Any

from runbookpilot import queues
from runbookpilot.settings.base import OPERATOR

#: How a task reaches a worker, and what becomes of many that are found at once.
WAYS = {
    "q2": ("core.tasks.send_to_q2", "core.tasks.run_beside"),
    "celery": ("runbookpilot.celery.send", "runbookpilot.celery.spread"),
    "inline": ("core.tasks.run_inline", "core.tasks.run_each"),
}
TASK_BACKEND, TASK_SPREAD = WAYS[OPERATOR.tasks]

TASK_QUEUES = queues.TASK_QUEUES
#: What keeps a task that failed.
TASK_KEEPER = "audit.pump.keep"
CALL_THREADS = OPERATOR.call_threads

Q_CLUSTER = {
    "name": "runbookpilot",
    "orm": "default",
    # Each waits for one vendor at a time.
    "workers": 4,
    "timeout": 120,
    "retry": 180,
    "max_attempts": 3,
    "poll": 0.2,
    "save_limit": -1,
    "ack_failures": True,
    "catch_up": False,
    "scheduler": False,
    "label": "Background work",
}

REDIS_URL = OPERATOR.redis_url
#: Seconds that anything here waits for Redis, so that a request never hangs on one that is gone.
REDIS_TIMEOUT = 1.0
#: Longer than any task should take. A worker that was killed is not waited for: the sweep finds its work within 30 s.
_REDELIVERED_AFTER = 15 * 60

CELERY: dict[str, Any] = {
    "broker_url": REDIS_URL or "redis://127.0.0.1:6379/0",
    "broker_connection_retry": True,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_connection_timeout": REDIS_TIMEOUT,
    "broker_transport_options": {
        "visibility_timeout": _REDELIVERED_AFTER,
        "socket_timeout": REDIS_TIMEOUT,
        "socket_connect_timeout": REDIS_TIMEOUT,
        "socket_keepalive": True,
        "retry_on_timeout": False,
        "max_retries": 0,
        "connect_retries_timeout": REDIS_TIMEOUT,
        "queue_order_strategy": "round_robin",
    },
    "result_backend": None,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_publish_retry": False,
    "task_create_missing_queues": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "enable_utc": True,
    "worker_pool": "threads",
    "worker_prefetch_multiplier": 1,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    # What was running when Redis went away goes on: it is safe to run twice, and its results are in the database.
    # It counts what was running at a loss, and gives the places back only if that ends after the connection is back.
    "worker_enable_prefetch_count_reduction": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
}

DJANGO_STRUCTLOG_CELERY_ENABLED = OPERATOR.tasks == "celery"
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_CELERY_TASK_SUCCESS_LOG_LEVEL = logging.DEBUG
