"""Playbooks, triggers and executions: everything that writes."""
