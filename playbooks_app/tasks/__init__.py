"""What a worker does for playbooks and executions."""

from playbooks_app.tasks.executions import advance, advance_execution, apply_decision, sweep_executions

__all__ = ["advance", "advance_execution", "apply_decision", "sweep_executions"]
