"""What a worker does for playbooks and executions."""

from playbooks_app.tasks.alerts import match_alert, notify_deciders
from playbooks_app.tasks.executions import advance, advance_execution, apply_decision, sweep_executions

__all__ = ["advance", "advance_execution", "apply_decision", "match_alert", "notify_deciders", "sweep_executions"]
