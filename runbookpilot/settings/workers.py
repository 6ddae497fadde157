"""What runs background work."""

from runbookpilot.settings.base import OPERATOR

TASK_BACKEND = {
    "q2": "core.tasks.send_to_q2",
    "celery": "core.tasks.send_to_celery",
    "inline": "core.tasks.run_inline",
}[OPERATOR.tasks]

Q_CLUSTER = {
    "name": "runbookpilot",
    "orm": "default",
    "workers": 2,
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
