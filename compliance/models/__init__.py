"""Frameworks, controls and mappings; bundles and artifacts."""

from compliance.models.bundles import Artifact, ControlEvidence, EvidenceBundle
from compliance.models.frameworks import Control, ControlException, Framework, Mapping

__all__ = ["Artifact", "Control", "ControlEvidence", "ControlException", "EvidenceBundle", "Framework", "Mapping"]
