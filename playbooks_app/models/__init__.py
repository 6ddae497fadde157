"""Playbooks and what becomes of them."""

from playbooks_app.models.executions import Execution, Note, StepRun
from playbooks_app.models.playbooks import Playbook, PlaybookVersion, TechniqueMapping
from playbooks_app.models.triggers import TriggerDecision

__all__ = ["Execution", "Note", "Playbook", "PlaybookVersion", "StepRun", "TechniqueMapping", "TriggerDecision"]
