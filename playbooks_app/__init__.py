"""Playbooks, their versions and triggers; executions, their steps and events.

`spec` and `engine` are pure: no Django, no clock, no network. May import `approvals`, `incidents` and below.
"""
