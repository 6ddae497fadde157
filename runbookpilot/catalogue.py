"""The actions that playbooks are checked against, read from a file that is generated from the adapters. Needs no Django.

Loading every adapter takes longer than checking a playbook. Where other packages bring adapters, what they can do is only
known by loading them.
"""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path

from playbooks_app.spec.catalogue import ActionInfo

FILE = Path(__file__).with_name("actions.json")
#: As `adapters.registry` has it, which cannot be imported here.
ENTRY_POINTS = "runbookpilot.adapters"


def known() -> Mapping[str, ActionInfo] | None:
    """Return the actions of this version's own adapters by name; None where there are others beside them."""
    if importlib.metadata.entry_points(group=ENTRY_POINTS):
        return None
    return {row["name"]: ActionInfo(**row) for row in json.loads(FILE.read_text(encoding="utf-8"))}
