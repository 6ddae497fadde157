"""In which queue each kind of task stands, so that a flood of one never keeps another waiting. Needs no Django."""

#: By the longest dotted path that covers a task. Workers run nothing that no row covers.
TASK_QUEUES = {
    "playbooks_app.tasks.match_alert": "alerts",
    "playbooks_app.tasks": "executions",
    "compliance.tasks": "controls",
    "accounts.tasks": "housekeeping",
    "adapters.tasks": "housekeeping",
    "approvals.tasks": "housekeeping",
    "audit.tasks": "housekeeping",
}

QUEUES = ("alerts", "executions", "controls", "housekeeping")

#: Where tasks are found.
TASK_MODULES = tuple(path for path in TASK_QUEUES if path.endswith(".tasks"))
#: How far workers stand back behind the web, the database and whoever keeps time, where a processor is wanted by all of them.
NICENESS = 5
#: Threads of one worker process that work at once, besides those that wait for vendors: one has Python's lock, another waits for the database.
TURNS = 2
