"""The addresses of alerts, playbooks and executions."""

from typing import Any

from playbooks_app.api.alerts import AlertViewSet
from playbooks_app.api.executions import ExecutionViewSet
from playbooks_app.api.playbooks import PlaybookViewSet

routes: list[tuple[str, Any, str]] = [
    ("alerts", AlertViewSet, "alert"),
    ("executions", ExecutionViewSet, "execution"),
    ("playbooks", PlaybookViewSet, "playbook"),
]
