"""The playbooks of the storm, and what they say about their steps: read from the files, without the product's code.

Every write names its step in its target, `HOST:STEP`, and an undo the step that it undoes; so the vendor's own record says
which step each of its lines belongs to.
"""

import dataclasses
import random
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "playbooks"
#: What the vendor calls our writes.
THEIRS = {
    "edr.isolate_host": "isolate", "edr.unisolate_host": "unisolate", "edr.collect_memory_dump": "dump",
    "edr.quarantine_file": "quarantine", "notify.send_slack_message": "message", "notify.send_webhook": "webhook",
}  # fmt: skip
UNDO = "undo:"


@dataclasses.dataclass(frozen=True)
class Plan:
    """One playbook: the technique that starts it, when it takes back what it did, and its steps by id."""

    slug: str
    technique: str
    undoes_on: frozenset[str]
    steps: dict[str, dict[str, Any]]

    def halts(self, step_id: str) -> bool:
        """Whether the failure of a step ends the execution."""
        return self.steps[base(step_id)].get("on_error", "halt") == "halt"

    def can_undo(self, step_id: str) -> bool:
        """Whether a step says how it is undone; a child playbook undoes itself."""
        step = self.steps[base(step_id)]
        return "rollback" in step or step.get("kind") == "playbook"


def base(step_id: str) -> str:
    """Return the step's id in its playbook: that of the step of which it is an item, or which it undoes."""
    return step_id.removeprefix(UNDO).partition("[")[0]


def about(host: str, step_id: str) -> str:
    """Return what the vendor knows a step's call by."""
    return f"{host}:{step_id.removeprefix(UNDO)}"


def sources() -> dict[str, str]:
    """Return the text of each playbook by its id; a child comes before its parent."""
    return {
        path.stem: path.read_text()
        for path in sorted(FOLDER.glob("*.yaml"), key=lambda path: "kind: playbook" in path.read_text())
    }


def _plan(text: str) -> Plan:
    document = yaml.safe_load(text)
    # YAML 1.1 reads the key `on` as true.
    rollback = document.get("rollback", {})
    triggers = document.get("triggers", [{"technique": ""}])
    return Plan(
        document["metadata"]["id"], triggers[0]["technique"], frozenset(rollback.get(True, rollback.get("on", ()))),
        {step["id"]: step for step in document["steps"]},
    )  # fmt: skip


PLANS = {slug: _plan(text) for slug, text in sources().items()}
STARTED = sorted((plan for plan in PLANS.values() if plan.technique), key=lambda plan: plan.slug)


def host_of(number: int) -> str:
    return f"h{number:05}"


def plan_of(seed: str, host: str) -> Plan:
    """Return the playbook that the alert of a host starts: each as often as any other, in an order that the seed decides."""
    turn, place = divmod(int(host[1:]), len(STARTED))
    return random.Random(f"{seed}:turn:{turn}").sample(STARTED, len(STARTED))[place]


def alert_of(seed: str, host: str) -> dict[str, Any]:
    """Return the alert of a host."""
    severity = random.Random(f"{seed}:{host}:severity").randrange(100)
    technique = {"id": plan_of(seed, host).technique}
    return {"event": {"id": host, "severity": severity}, "host": {"name": host}, "threat": {"technique": [technique]}}
