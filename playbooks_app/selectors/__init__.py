"""Reading playbooks and executions."""
