"""Every command with the module that holds it and its sentence."""

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("runbookpilot.cli.serve", "Serve everything embedded: web, worker and ticker as one process tree."),
    "prepare": ("runbookpilot.cli.serve", "Bring database, static files and declared adapters to this version (production)."),
    "web": ("runbookpilot.cli.web", "Serve the console and the REST API alone (production)."),
    "worker": ("runbookpilot.cli.worker", "Run background work from Redis (production)."),
    "beat": ("runbookpilot.cli.beat", "Find what is due every second, and hand it to the workers (production)."),
    "demo": ("runbookpilot.cli.demo", "Load the demo (tenant, people, adapters, playbooks, alerts) and serve it."),
    "init": ("runbookpilot.cli.init", "Begin without the demo: a tenant, an administrator, a first adapter."),
    "run": (
        "runbookpilot.cli.run",
        "Take alerts from a file or standard input and drive what they start, asking on the terminal.",
    ),
    "replay": ("runbookpilot.cli.replay", "Send recorded alerts to a server, at a rate, as a detector would."),
    "validate": ("runbookpilot.cli.validate", "Check playbook files; every problem with its line."),
    "list": ("runbookpilot.cli.library", "List the playbooks."),
    "show": ("runbookpilot.cli.library", "Show one playbook."),
    "history": ("runbookpilot.cli.runs", "List executions, or show one with its steps."),
    "queue": ("runbookpilot.cli.queue", "List the approvals that wait."),
    "approve": ("runbookpilot.cli.queue", "Approve a request, as the owner of RUNBOOKPILOT_TOKEN."),
    "reject": ("runbookpilot.cli.queue", "Reject a request with a reason."),
    "cancel": ("runbookpilot.cli.runs", "Cancel an execution."),
    "pause": ("runbookpilot.cli.runs", "Let nothing new start in an execution."),
    "resume": ("runbookpilot.cli.runs", "Let a paused execution go on."),
    "step": ("runbookpilot.cli.steps", "Do what a step waits for: mark it done, choose a branch, say what became of a write."),
    "rollback": ("runbookpilot.cli.runs", "Undo what an execution changed."),
    "adapters": ("runbookpilot.cli.adapters", "List adapters and instances; check a connection."),
    "assets": ("runbookpilot.cli.assets", "List the inventory of hosts, or take hosts in from a file."),
    "audit": ("runbookpilot.cli.audit", "Verify or export the audit trail."),
    "evidence": ("runbookpilot.cli.evidence", "List, export and verify evidence bundles."),
    "keys": ("runbookpilot.cli.keys", "Export the public signing keys, or rotate."),
    "token": ("runbookpilot.cli.people", "Create, list and revoke API tokens."),
    "user": ("runbookpilot.cli.people", "Create users and grant roles."),
    "stop": ("runbookpilot.cli.stop", "Stop every write at once, or lift a stop."),
    "doctor": ("runbookpilot.cli.doctor", "Check everything and say how to mend it."),
    "dead-letters": ("runbookpilot.cli.dead_letters", "List work that gave up; send it again, or drop it."),
    "backup": ("runbookpilot.cli.backup", "Write everything into one file: database, keys, files of evidence."),
    "restore": ("runbookpilot.cli.backup", "Put everything of a backup into an empty database."),
    "move": ("runbookpilot.cli.move", "Move everything into another, empty database: embedded to production, or back."),
    "settings": ("runbookpilot.cli.settings", "Show the settings in force, or the example file."),
    "version": ("runbookpilot.cli.version", "Print the version."),
}

#: Commands that start Django themselves, or not at all.
WITHOUT_DJANGO = frozenset({"version", "settings", "web", "worker", "validate", "replay"})

#: Commands to which the options about levels and drills apply.
STARTS_EXECUTIONS = frozenset({"run"})
