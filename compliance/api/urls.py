"""Addresses of compliance under /api/v1/; `keys.keys` belongs at /.well-known/runbookpilot/keys.json."""

from typing import Any

from compliance.api.bundles import BundleViewSet
from compliance.api.controls import ControlViewSet
from compliance.api.frameworks import FrameworkViewSet

routes: list[tuple[str, Any, str]] = [
    ("frameworks", FrameworkViewSet, "framework"),
    ("controls", ControlViewSet, "control"),
    ("evidence-bundles", BundleViewSet, "evidence-bundle"),
]
