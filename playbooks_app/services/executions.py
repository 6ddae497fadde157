"""What people and triggers ask of executions. The runner does it; these record what was asked and wake it."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.choices import Permission
from accounts.models import Environment, Tenant
from accounts.selectors import access
from audit.choices import Kind
from audit.journal import Tail
from core import canonical, clock, tasks, tracing, writes
from core.actors import Actor
from core.errors import Conflict, Invalid, NotFound
from incidents.models import Alert, Incident
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepMode, StepStatus
from playbooks_app.engine import flow, levels
from playbooks_app.models import Execution, Note, PlaybookVersion, StepRun
from playbooks_app.selectors import snapshots, versions
from playbooks_app.services import journaling, leases, pausing, steps
from playbooks_app.spec import loader
from playbooks_app.spec.schema import Level, Playbook, StepKind

ADVANCE = "playbooks_app.tasks.advance"
TAKE_UP_AGAIN = "playbooks_app.tasks.take_up_again"
LONGEST_NOTE = 20_000
#: When the sweep looks for an execution that was started: by then its entry has woken a worker, if the broker lost nothing.
UNTAKEN = dt.timedelta(seconds=10)


class NothingActive(Conflict):
    """This playbook has no active version: somebody has to activate one first."""

    code = "nothing_active"


class WrongInputs(Invalid):
    """The inputs do not fit the playbook."""

    code = "wrong_inputs"


class LevelRefused(Invalid):
    """L2 is not enabled here, and an L2 playbook is never turned into real writes by itself."""

    code = "level_refused"


class NoSuchExecution(NotFound):
    """There is no such execution, or not for you."""


class NoSuchStep(NotFound):
    """This execution has no such step."""


class HasEnded(Conflict):
    """This execution has ended."""

    code = "has_ended"


class NotWaiting(Conflict):
    """This step does not wait for a person."""

    code = "not_waiting"


class NoSuchBranch(Invalid):
    """This decision has no such branch."""

    code = "no_such_branch"


class NotPaused(Conflict):
    """This execution is not paused."""

    code = "not_paused"


class AboveIsPaused(Conflict):
    """The execution above this one is paused, and this one with it: resume that one."""

    code = "above_is_paused"


class GivenUp(Conflict):
    """The worker of this execution was lost time and again: send its dead letter again, or abandon it."""

    code = "given_up"


class NothingToUndo(Conflict):
    """This execution has changed nothing that could be undone."""

    code = "nothing_to_undo"


def start(
    *,
    tenant: Tenant,
    environment: Environment,
    version: PlaybookVersion | None,
    actor: Actor,
    now: dt.datetime,
    alert: Alert | None = None,
    event: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    level: str | None = None,
    drill: bool = False,
    incident: Incident | None = None,
    title: str = "",
    parent: StepRun | None = None,
    started_by_user_id: uuid.UUID | None = None,
) -> Execution:
    """Return a new execution with all its steps, which a worker begins at once.

    One that a step of another starts names it as `parent`; the person behind that one stays the person behind this one.
    Raises NothingActive, WrongInputs, LevelRefused.
    """
    if version is None:
        raise NothingActive
    playbook = loader.parse_canonical(version.document, digest=version.digest)
    effective = _level(tenant, playbook, level)
    given = _inputs(playbook, inputs or {})
    document: Any = alert.document if alert else dict(event or {})
    execution = Execution(
        tenant=tenant, environment=environment, version=version, alert=alert, incident=incident, title=_title(title, playbook, alert),
        level=effective.level, level_cap=effective.cap, drill=drill, inputs=given, event=document,
        started_by=f"playbook {parent.execution.version.playbook.slug}" if parent else actor.name, parent_step=parent,
        depth=parent.execution.depth + 1 if parent else 0, started_by_user_id=started_by_user_id or actor.user_id,
        started_at=now, created_at=now, trace_id=tracing.current(), wake_at=now + UNTAKEN, wake_noted_at=now,
        deadline=now + playbook.timeout if playbook.timeout else None,
    )  # fmt: skip
    runs = [
        StepRun(
            tenant=tenant, execution=execution, step_id=step.id, position=position, name=step.title, kind=step.kind.value,
            action=step.action or "", level=levels.of_step(effective.level, step.level), created_at=now,
        )
        for position, step in enumerate(playbook.steps)
    ]  # fmt: skip
    fact = journaling.execution_fact(
        execution, Kind.EXECUTION_STARTED, now=now, actor=actor, playbook=version.playbook.slug, version=version.number,
        playbook_sha256=version.digest, level=effective.level, cap=effective.cap, drill=drill,
    )  # fmt: skip
    links = Tail(journaling.stream_of(execution), 0, "").chain([fact])
    writes.write([], [writes.Insert([execution]), writes.Insert(runs), *links.changes])
    execution._state.adding = False
    links.written()
    return execution


def cancel(*, execution_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    """Ask for an execution to be cancelled: nothing new starts, what the playbook undoes on cancel is undone."""
    return _ask(execution_id, "cancel", Kind.EXECUTION_CANCEL, reason, actor, now)


def rollback(*, execution_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    """Ask for what an execution did, and those below it, to be undone, also after it has ended; raises NothingToUndo."""
    with transaction.atomic():
        execution = locked(execution_id)
        if execution.status in (ExecutionStatus.ROLLING_BACK, ExecutionStatus.ROLLED_BACK):
            raise HasEnded("This execution is rolled back already.")
        _must_be_driven(execution)
        runs = {run.step_id: run for run in snapshots.steps(execution.pk)}
        if not flow.may_be_undone(snapshots.take(execution, runs, snapshots.Instances(execution), now, undoing=True)):
            raise NothingToUndo
        return control(execution, "rollback", Kind.EXECUTION_ROLLBACK, reason, actor, now)


def pause(*, execution_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    """Ask for nothing new to start, here and below: calls under way finish and are recorded. Its time stops with it."""
    with transaction.atomic():
        execution = _askable(execution_id)
        below = pausing.lock_below(execution)
        control(execution, "pause", Kind.EXECUTION_PAUSE, reason, actor, now)
        for row in pausing.hold(below, by=actor.name, reason=reason, now=now):
            _note_control(row, Kind.EXECUTION_PAUSE, "the execution above was paused", actor, now)
    return execution


def resume(*, execution_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    """Let a paused execution go on, and those below that were paused with it. Raises NotPaused, AboveIsPaused."""
    with transaction.atomic():
        execution = locked(execution_id)
        paused = execution.control.get("pause")
        if not paused:
            raise NotPaused
        if "above" in paused:
            raise AboveIsPaused
        _must_be_driven(execution)
        below = pausing.lock_below(execution)
        pausing.go_on(execution, now)
        _note_control(execution, Kind.EXECUTION_RESUME, reason, actor, now)
        _let_go(below, "the execution above was resumed", actor, now)
    return execution


def let_go_below(execution: Execution, actor: Actor, now: dt.datetime) -> None:
    """Let those go on that were paused with an execution that has ended, in the caller's transaction: what they queued can be run."""
    if "pause" in execution.control and "above" not in execution.control["pause"]:
        _let_go(pausing.lock_below(execution), f"the execution above was {execution.status}", actor, now)


def note(*, execution_id: uuid.UUID, text: str, actor: Actor, now: dt.datetime, step_id: str = "") -> Note:
    """Add a note to an execution or one of its steps; it is never changed. The journal keeps its digest."""
    with transaction.atomic():
        execution = locked(execution_id)
        return _note(execution, step_of(execution, step_id) if step_id else None, text, actor, now)


def update_step(
    *,
    execution_id: uuid.UUID,
    step_id: str,
    actor: Actor,
    now: dt.datetime,
    status: str | None = None,
    assignee_id: uuid.UUID | None = None,
    note: str = "",
    decision: str = "",
    output: Mapping[str, Any] | None = None,
) -> StepRun:
    """Let a person act on a step: take it, decide it, mark it done (with its output) or skip it. All of it, or none.

    Raises NotWaiting where the step waits for nobody, NoSuchBranch for a decision that is none.
    """
    with transaction.atomic():
        execution = locked(execution_id)
        run = step_of(execution, step_id)
        if assignee_id is not None:
            run.assignee_id = assignee_id
            run.save(update_fields=["assignee"])
            journaling.of_step(execution, run, Kind.STEP_ASSIGNED, now=now, actor=actor, assignee=str(assignee_id))
        if note.strip():
            _note(execution, run, note, actor, now)
        if decision:
            _decide(execution, run, decision, actor, now)
        elif status in (StepStatus.COMPLETED, StepStatus.SKIPPED):
            _finish(execution, run, StepStatus(status), output, actor, now)
        elif status is not None:
            raise Invalid("A person marks a step as completed or skipped.", fields={"status": ["completed", "skipped"]})
        woken(execution, now)
    return run


def locked(execution_id: uuid.UUID) -> Execution:
    """Return the execution, locked until the transaction ends; raises NoSuchExecution."""
    rows = Execution.objects.select_for_update(of=("self",)).select_related("version__playbook", "tenant", "environment")
    execution: Execution | None = rows.filter(pk=execution_id).first()
    if execution is None:
        raise NoSuchExecution
    return execution


def woken(execution: Execution, now: dt.datetime) -> None:
    """Let a worker look at an execution that somebody changed, in the caller's transaction."""
    leases.wake(execution.pk, now=now)
    tasks.enqueue(ADVANCE, execution_id=str(execution.pk))


def _level(tenant: Tenant, playbook: Playbook, wanted: str | None) -> levels.Effective:
    try:
        return levels.effective(
            deployment=Level(settings.MAX_LEVEL), tenant=Level(tenant.max_level), playbook=playbook.level,
            request=Level(wanted) if wanted else None, l2_enabled=settings.L2_ENABLED and tenant.l2_enabled,
        )  # fmt: skip
    except levels.L2NotEnabled as error:
        raise LevelRefused(hint="An administrator enables L2 for the tenant; or ask for L0 or L1 explicitly.") from error


def _inputs(playbook: Playbook, given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(playbook.inputs))
    missing = sorted(name for name, spec in playbook.inputs.items() if spec.must_be_given and name not in given)
    if unknown or missing:
        fields = {**dict.fromkeys(unknown, "is no input of this playbook"), **dict.fromkeys(missing, "is missing")}
        raise WrongInputs(fields=fields)
    found: Any = canonical.plain({**{name: spec.default for name, spec in playbook.inputs.items()}, **given})
    return dict(found)


def _title(title: str, playbook: Playbook, alert: Alert | None) -> str:
    about = f" on {alert.host}" if alert and alert.host else ""
    return (title.strip() or f"{playbook.metadata.name}{about}")[:300]


def _ask(execution_id: uuid.UUID, what: str, kind: Kind, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    with transaction.atomic():
        return control(_askable(execution_id), what, kind, reason, actor, now)


def _askable(execution_id: uuid.UUID) -> Execution:
    """Return an execution that is driven and not at its end, locked."""
    execution = locked(execution_id)
    if execution.status in FINAL_EXECUTION or execution.status == ExecutionStatus.ROLLING_BACK:
        raise HasEnded(f"This execution is {execution.status.replace('_', ' ')} already.")
    _must_be_driven(execution)
    return execution


def control(
    execution: Execution, what: str, kind: Kind, reason: str, actor: Actor, now: dt.datetime, *, above: bool = False
) -> Execution:
    """Note what is asked of an execution, by a person or from `above`, in the caller's transaction, and wake whoever drives it."""
    before = execution.control.get(what, {})
    # Who asks once more changes nothing of since when: all of a pause is time that does not count.
    asked = {"by": actor.name, "reason": reason[:500], "at": before.get("at", clock.iso(now))}
    kept = {"above": True, "alone": True} if "above" in before else {"above": True} if above else {}
    execution.control = {**execution.control, what: {**asked, **kept}}
    _note_control(execution, kind, reason, actor, now)
    return execution


def _note_control(execution: Execution, kind: Kind, reason: str, actor: Actor, now: dt.datetime) -> None:
    execution.wake_at = execution.wake_noted_at = now
    execution.save(update_fields=["control", "deadline", "wake_at", "wake_noted_at"])
    journaling.of_execution(execution, kind, now=now, actor=actor, reason=reason[:500])
    tasks.enqueue(ADVANCE, execution_id=str(execution.pk))


def _let_go(below: list[Execution], why: str, actor: Actor, now: dt.datetime) -> None:
    for row in pausing.let_go(below, now):
        stays = "; this one was paused by itself too, and stays so" if "pause" in row.control else ""
        _note_control(row, Kind.EXECUTION_RESUME, why + stays, actor, now)


def _must_be_driven(execution: Execution) -> None:
    if execution.given_up_at is not None:
        raise GivenUp


def step_of(execution: Execution, step_id: str) -> StepRun:
    """Return a step of an execution, locked until the transaction ends; raises NoSuchStep."""
    run: StepRun | None = execution.steps.select_for_update().filter(step_id=step_id).first()
    if run is None:
        raise NoSuchStep(f"This execution has no step {step_id!r}.")
    return run


def _note(execution: Execution, run: StepRun | None, text: str, actor: Actor, now: dt.datetime) -> Note:
    if not (text := text.strip()) or len(text) > LONGEST_NOTE:
        raise Invalid(f"A note has 1 to {LONGEST_NOTE} characters.", fields={"note": "is empty or too long"})
    row = Note.objects.create(execution=execution, step=run, author=actor.name, text=text, at=now)
    digest = canonical.sha256(text.encode())
    if run:
        journaling.of_step(execution, run, Kind.STEP_NOTED, now=now, actor=actor, note=str(row.pk), sha256=digest)
    else:
        journaling.of_execution(execution, Kind.EXECUTION_NOTED, now=now, actor=actor, note=str(row.pk), sha256=digest)
    return row


def _decide(execution: Execution, run: StepRun, decision: str, actor: Actor, now: dt.datetime) -> None:
    _must_wait(execution, run, actor)
    step = versions.playbook_of(execution).step(run.step_id)
    if step.kind is not StepKind.DECISION or decision not in step.branches:
        raise NoSuchBranch(fields={"decision": sorted(step.branches)})
    run.decision, run.mode, run.output = decision, StepMode.MANUAL, {"chosen": decision}
    steps.place(execution, run, StepStatus.COMPLETED, now, decision=decision, by=actor.name)


def _finish(
    execution: Execution, run: StepRun, status: StepStatus, output: Mapping[str, Any] | None, actor: Actor, now: dt.datetime
) -> None:
    _must_wait(execution, run, actor)
    if run.kind == "decision" and status == StepStatus.COMPLETED:
        raise NoSuchBranch("A decision is completed by choosing one of its branches.")
    run.mode = StepMode.MANUAL
    if status == StepStatus.COMPLETED and output is not None:
        plain: Any = canonical.plain(dict(output))
        run.output = plain
    steps.place(execution, run, status, now, by=actor.name, mode=run.mode)


def _must_wait(execution: Execution, run: StepRun, actor: Actor) -> None:
    access.require(actor, Permission.WORK_EXECUTIONS, execution.tenant_id)
    if run.status != StepStatus.AWAITING_INPUT:
        raise NotWaiting(f"This step is {run.status.replace('_', ' ')} and waits for nobody to act.")
