"""Alerts, playbooks and executions over REST."""
