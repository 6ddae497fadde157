"""What has to hold after a storm, as checks on plain records: what was accepted, what the database says, what the vendor did.

Each check yields a sentence for each thing that does not hold. None knows a playbook: what a step may do, it reads in the plans.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.chaos import plans
from tests.chaos.plans import PLANS, THEIRS, UNDO
from tests.chaos.vendor import ANSWERED, STATUS

#: The one write of the vendor's that can be looked up.
ISOLATE = THEIRS["edr.isolate_host"]
FINAL = frozenset({"completed", "failed", "cancelled", "abandoned", "rolled_back"})
ENDED = frozenset({"cancelled", "completed", "failed", "rolled_back", "simulated", "skipped"})
#: Where a step says that its write did not happen, or that it has yet to.
NOT_DONE = frozenset({"failed", "skipped", "cancelled", "simulated", "not_started", "awaiting_approval", "blocked"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alert:
    """An alert that is there, and the playbooks of the executions that it started."""

    host: str
    decided: bool
    started: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Execution:
    """An execution; `parent` is the step run that started it, where one did."""

    id: str
    host: str
    playbook: str
    status: str
    outcome: str = ""
    why: str = ""
    asked: frozenset[str] = frozenset()
    driver: str = ""
    parent: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """A step run that stands for itself: an item of several, but not the step that has the items."""

    id: str
    execution: Execution
    step: str
    status: str
    action: str = ""
    kind: str = "action"
    mode: str = "real"
    unknown: bool = False

    @property
    def call(self) -> tuple[str, str] | None:
        """What the vendor calls its write, and what it is about; None for a step that writes nothing."""
        return (THEIRS[self.action], plans.about(self.execution.host, self.step)) if self.action in THEIRS else None

    @property
    def undoes(self) -> tuple[str, str] | None:
        """What the vendor calls the write that an undo is of, and what that is about; None for what is no undo of a write."""
        action = PLANS[self.execution.playbook].steps[plans.base(self.step)].get("action")
        return (THEIRS[action], plans.about(self.execution.host, self.step)) if self.step.startswith(UNDO) and action in THEIRS else None

    def __str__(self) -> str:
        return f"{self.step} of {self.execution.host} ({self.execution.playbook})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Consent:
    """A request for consent: to which step of which execution, how it stands, and how many have approved."""

    execution: str
    step: str
    status: str
    approvals: int = 0


class Told:
    """What the vendor wrote down: which writes it carried out, which it merely said that it had, and what it let somebody see."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self.times: Counter[tuple[str, str]] = Counter()
        self.lied: set[tuple[str, str]] = set()
        #: Lies that somebody has seen through since: who looked was told that it is not there.
        self.seen_through: set[tuple[str, str]] = set()
        for line in lines:
            of = (line["action"], line["target"])
            if line["action"] == STATUS:
                absent = not line["there"] and line["told"] in ANSWERED
                self.seen_through |= {(ISOLATE, line["target"])} & self.lied if absent else set()
                continue
            self.seen_through.discard(of)
            self.times[of] += bool(line["done"])
            self.lied |= {of} if line["told"] == "lies" else set()

    def did(self, call: tuple[str, str] | None) -> bool:
        return call is not None and self.times[call] > 0

    def said(self, call: tuple[str, str] | None) -> bool:
        return self.did(call) or call in self.lied

    def never_was(self, call: tuple[str, str] | None) -> bool:
        """Whether a write was only said to be done, and somebody has looked since and was told that it is not."""
        return not self.did(call) and call in self.seen_through


def outcomes(alerts: Iterable[Alert], accepted: Iterable[str], seed: str) -> Iterator[str]:
    """Every alert that was accepted is there once, was decided, and started its playbook once."""
    there = list(alerts)
    found = Counter(alert.host for alert in there)
    yield from (f"the alert of {host} was accepted and is not there" for host in accepted if not found[host])
    yield from (f"the alert of {host} is there {count} times" for host, count in found.items() if count > 1)
    for alert in there:
        wanted = plans.plan_of(seed, alert.host).slug
        if not alert.decided:
            yield f"the alert of {alert.host} was not decided"
        if alert.started != (wanted,):
            yield f"the alert of {alert.host} started {', '.join(alert.started) or 'nothing'} instead of {wanted}, once"


def ends(executions: Iterable[Execution], steps: Iterable[Step], consents: Iterable[Consent]) -> Iterator[str]:
    """Nothing is stuck: every execution has ended with an outcome, every step with it, and no request is left."""
    for one in executions:
        if one.status not in FINAL or one.driver:
            yield f"{one.playbook} of {one.host} is {one.status}, driven by {one.driver or 'nobody'}"
        elif not one.outcome:
            yield f"{one.playbook} of {one.host} is {one.status} and has no outcome"
    yield from (f"{step} is {step.status}" for step in steps if step.status not in ENDED)
    for consent in consents:
        if consent.status in ("pending", "approved"):
            yield f"a request for {consent.step} of {consent.execution} is {consent.status}"


def failures(steps: Iterable[Step]) -> Iterator[str]:
    """A failed step ends its execution unless its playbook says that it goes on."""
    for step in steps:
        itself = "[" not in step.step and not step.step.startswith(UNDO)
        halts = itself and step.status == "failed" and PLANS[step.execution.playbook].halts(step.step)
        if halts and step.execution.status == "completed":
            yield f"{step} failed, which halts it, and the execution says completed"


def repeats(told: Told) -> Iterator[str]:
    """No write was carried out twice, with whatever consent."""
    yield from (
        f"{action} of {target} was carried out {times} times" for (action, target), times in told.times.items() if times > 1
    )


def claims(steps: Iterable[Step], told: Told) -> Iterator[str]:
    """A step says that a write happened only where the vendor did it, or said so; and that it did not only where it did not.

    An undo may also say so of what was never there, where somebody looked.
    """
    known = set()
    for step in steps:
        known.add(step.call)
        happened = step.call is None or told.said(step.call) or told.never_was(step.undoes)
        if step.status in ("completed", "rolled_back") and step.mode == "real" and not happened:
            yield f"{step} says {step.status}, and the vendor neither did it nor said so"
        if step.status in NOT_DONE and told.did(step.call) and not step.unknown:
            yield f"{step} says {step.status}, and the vendor did it"
    yield from (
        f"{action} of {target} was carried out, and no step knows of it"
        for action, target in told.times
        if told.did((action, target)) and (action, target) not in known
    )


def consented(steps: Iterable[Step], consents: Iterable[Consent], told: Told) -> Iterator[str]:
    """What needs consent was carried out only with it."""
    given: dict[tuple[str, str], int] = defaultdict(int)
    for consent in consents:
        given[consent.execution, consent.step] += consent.approvals
    for step in steps:
        needs = not step.action.startswith("notify.") and not step.step.startswith(UNDO)
        if needs and told.did(step.call) and not given[step.execution.id, plans.base(step.step)]:
            yield f"{step} was carried out, and nobody had approved it"


def undoing(steps: Iterable[Step]) -> Iterator[str]:
    """What is told as undone has an undo that was made; and where everything was to be undone, an undo was tried."""
    there = list(steps)
    undos = {(step.execution.id, step.step): step for step in there if step.step.startswith(UNDO)}
    for step in there:
        undo = undos.get((step.execution.id, f"{UNDO}{step.step}"))
        if step.status == "rolled_back" and (undo is None or undo.status != "completed"):
            yield f"{step} says rolled_back, and its undo {undo.status if undo else 'is not there'}"
        if undo is None and _was_done(step) and _to_undo(step.execution):
            yield f"{step} says completed, and was to be undone"
        if step.status == "completed" and undo is not None and undo.status == "completed":
            yield f"{step} says completed, and its undo too"


def children(steps: Iterable[Step], executions: Iterable[Execution]) -> Iterator[str]:
    """A step that says completed of a child playbook has one child, which had completed."""
    below: dict[str, list[Execution]] = defaultdict(list)
    for one in executions:
        if one.parent:
            below[one.parent].append(one)
    for step in steps:
        if step.kind == "playbook" and not step.step.startswith(UNDO):
            found = [one.status for one in below[step.id]]
            if len(found) > 1 or (step.status == "completed" and found not in (["completed"], ["rolled_back"])):
                yield f"{step} says {step.status}, and its children are {found}"


def _was_done(step: Step) -> bool:
    real = step.status == "completed" and step.mode == "real" and not step.step.startswith(UNDO)
    return real and PLANS[step.execution.playbook].can_undo(step.step)


def _to_undo(execution: Execution) -> bool:
    """Whether what an execution did was to be undone: by its playbook, or because a person asked for it."""
    on = PLANS[execution.playbook].undoes_on
    failed = "timeout" if execution.why.startswith("its time") else "failure"
    by_itself = {"failed": failed in on, "cancelled": "cancel" in on}.get(execution.status, False)
    return execution.status == "rolled_back" or "rollback" in execution.asked or by_itself
