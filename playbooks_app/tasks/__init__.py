"""What a worker does for playbooks and executions."""

from playbooks_app.tasks.alerts import match_alert
from playbooks_app.tasks.executions import advance, apply_decision, sweep_executions, take_up_again
from playbooks_app.tasks.incidents import link_incident

__all__ = ["advance", "apply_decision", "link_incident", "match_alert", "sweep_executions", "take_up_again"]
