"""What holds of an execution at every moment, told by the vendor's record, the journal and the rows; written apart from the engine."""

import itertools
from collections import defaultdict

from approvals.models import Request
from audit.selectors import deliveries, entries
from audit.services import verify
from playbooks_app.choices import FINAL_EXECUTION
from playbooks_app.engine import states
from playbooks_app.models import Execution, StepRun
from tests.playbooks_app.executions.laboratory import OPPOSITE

ENDED = ("completed", "failed", "cancelled", "abandoned", "rolled_back")
#: A step that has not ended, or of which it is said that nobody knows.
OPEN = ("in_progress", "uncertain", "not_started", "awaiting_approval", "blocked")
UNDO_OF = {there: back for back, there in OPPOSITE.items()}


def hold(execution, laboratory):
    """Say what does not hold; empty where everything does."""
    execution.refresh_from_db()
    told = list(entries.of_stream(f"execution:{execution.pk}"))
    runs = {run.step_id: run for run in execution.steps.all()}
    return [
        *_numbers(told), *_chain(execution), *_legal(told), *_once(laboratory), *_claims(runs, laboratory), *_backwards(told, runs),
        *_below_first(told, runs), *_from_below(execution, runs), *_stuck(execution, runs), *_withdrawn(execution, runs),
        *_held(execution), *_over(runs),
    ]  # fmt: skip


def _numbers(told):
    numbers = [entry.seq for entry in told]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"numbers {numbers}"


def _chain(execution):
    yield from (problem.sentence for problem in verify.run(stream=f"execution:{execution.pk}").problems)


def _legal(told):
    """Each status in the journal follows from the one before by the table; what has ended goes to rolling back alone."""
    steps, status = defaultdict(lambda: "not_started"), "planning"
    for entry in told:
        after = entry.data.get("status")
        if entry.subject_kind == "step":
            before, steps[entry.data["step"]] = steps[entry.data["step"]], after
            if after != before and after not in states.STEP[before]:
                yield f"step {entry.data['step']} went from {before} to {after} with {entry.seq}"
            if after == before and entry.kind in ("step:finished", "undo:finished"):
                yield f"step {entry.data['step']} finished again with {entry.seq}"
        elif entry.subject_kind == "execution" and after:
            before, status = status, after
            if after != before and after not in states.EXECUTION[before] and before != "planning":
                yield f"it went from {before} to {after} with {entry.seq}"
            if before in ENDED and after not in (before, "rolling_back"):
                yield f"it had ended as {before} and went to {after}"


def _once(laboratory):
    """No write is carried out twice; one that may not be repeated reaches the vendor again only if it was not done."""
    for one in {(sent.action, sent.what) for sent in laboratory.sent}:
        if laboratory.did(*one) > 1:
            yield f"{one} was carried out {laboratory.did(*one)} times"
    blind = [sent for sent in laboratory.sent if sent.action in ("lab.blind", "lab.tell")]
    for number, sent in enumerate(blind):
        if any(later.what == sent.what for later in blind[number + 1 :]) and sent.done:
            yield f"{sent} was followed by another"


def _claims(runs, laboratory):
    """Nothing says that it happened what the vendor did not do, nor that it did not happen what the vendor did."""
    for run in runs.values():
        if not run.action or run.action == "lab.status" or run.mode == "simulated" or _has_iterations(run, runs):
            continue
        happened = bool(laboratory.did(run.action, what_of(run)))
        if run.status in ("completed", "rolled_back") and run.mode == "real" and not happened:
            yield f"{run.step_id} says {run.status}, and the vendor did nothing"
        if run.status in ("failed", "skipped") and happened and not (run.undo_of_id and _known_uncertain(run)):
            yield f"{run.step_id} says {run.status}, and the vendor did it"
        if run.status == "cancelled" and happened and not _known_uncertain(run):
            yield f"{run.step_id} says cancelled, and the vendor did it"
        if run.status == "rolled_back" and not laboratory.did(UNDO_OF[run.action], what_of(run)):
            yield f"{run.step_id} says rolled_back, and the vendor did not undo it"


def what_of(run):
    """What a step of the laboratory is about."""
    return run.params["what"] if isinstance(run.params, dict) and "what" in run.params else run.step_id.removeprefix("undo:")


def _has_iterations(run, runs):
    return any(other.iteration_of_id == run.pk for other in runs.values())


def _known_uncertain(run):
    """Whether the page of a step that was cancelled says that nobody knows what became of it."""
    return bool(run.error and run.error.get("outcome_unknown"))


def _backwards(told, runs):
    """Undos begin in the reverse order of completion, as far as that was known when each began."""
    # What ran below a step is completed when that says so: its own end tells nothing of clicks that came later.
    done = {entry.data["step"]: entry.seq for entry in told if entry.kind == "step:finished" and entry.data["status"] == "completed"}
    done = {name: seq for name, seq in done.items() if runs[name].kind != "playbook"}
    began = {}
    for entry in told:
        if entry.kind == "undo:started":
            began.setdefault(entry.data["step"].removeprefix("undo:"), entry.seq)
    for earlier, later in itertools.combinations(began, 2):
        if earlier in done and later in done and done[earlier] < done[later] < began[earlier]:
            yield f"{earlier} was undone before {later}, which was completed after it"


def _below_first(told, runs):
    """While what was done below is undone, nothing else is."""
    under_way = None
    for entry in told:
        name = entry.data.get("step", "")
        if entry.kind == "undo:started" and under_way not in (None, name):
            yield f"{name} began while {under_way} was not over"
        if entry.kind in ("undo:started", "undo:finished") and runs[name].kind == "playbook":
            under_way = name if entry.kind == "undo:started" else None


def _from_below(execution, runs):
    """Nobody says that what was done below is undone where it is not."""
    for run in runs.values():
        if run.undo_of_id and run.kind == "playbook" and run.status == "completed":
            child = Execution.objects.get(parent_step=run.undo_of_id)
            if child.status != "rolled_back" or set(child.result["undone"].values()) - {"completed"}:
                yield f"{run.step_id} says completed, and below it is {child.status}: {child.result}"
    if execution.status == "rolled_back":
        # Of an undo that failed, or was called off by who abandoned it, its own row says so.
        tried = [run.undo_of_id for run in runs.values() if run.undo_of_id and run.status in ("failed", "cancelled")]
        done = Execution.objects.filter(parent_step__execution=execution, steps__in=_to_undo()).exclude(status="rolled_back")
        done = done.exclude(parent_step__in=tried)
        yield from (f"it is rolled back, and what {child.pk} did below is not" for child in done)


def _to_undo():
    return StepRun.objects.filter(status="completed", action__in=UNDO_OF, mode="real", undos=None)


def _stuck(execution, runs):
    """What has not ended is driven, will be looked at again, or names whom it waits for."""
    if execution.status in FINAL_EXECUTION or execution.lease_owner or execution.wake_at or execution.status == "executing":
        return
    if execution.given_up_at and deliveries.dead_letters().filter(entry__stream=f"execution:{execution.pk}").exists():
        return
    if "pause" in execution.control or any(run.status in ("awaiting_input", "uncertain") and run.waiting_for for run in runs.values()):
        return
    if Request.objects.filter(pk__in=[run.approval_id for run in runs.values() if run.approval_id], status="pending").exists():
        return
    if Execution.objects.filter(parent_step__execution=execution).exclude(status__in=FINAL_EXECUTION).exists():
        return
    yield f"it is {execution.status} and waits for nobody: {[(run.step_id, run.status) for run in runs.values()]}"


def _withdrawn(execution, runs):
    """Nobody can run a call of an execution that was cancelled, abandoned or undone, nor of one that ended below it."""
    if execution.status not in ("cancelled", "abandoned", "rolling_back", "rolled_back"):
        return
    asked = [run.approval_id for run in (*runs.values(), *_queued_below(execution)) if run.approval_id]
    for request in Request.objects.filter(pk__in=asked, status__in=["pending", "approved"]):
        yield f"it is {execution.status}, and its request to {request.title} is {request.status}"


def _queued_below(execution):
    for child in Execution.objects.filter(parent_step__execution=execution, status__in=FINAL_EXECUTION):
        yield from child.steps.filter(status="simulated")
        yield from _queued_below(child)


def _held(execution):
    """What is not over is paused with the execution above it, and no longer than that."""
    if execution.status in FINAL_EXECUTION or execution.status == "rolling_back" or not execution.parent_step_id:
        return
    paused, above = execution.control.get("pause", {}), execution.parent_step.execution
    if above.status not in FINAL_EXECUTION and above.status != "rolling_back" and ("pause" in above.control) != ("above" in paused):
        yield f"it is {execution.status} with {execution.control}, and the one above {above.status} with {above.control}"


def _over(runs):
    """No step is over while what it started may still write."""
    over = [run.pk for run in runs.values() if run.status in ("completed", "failed", "skipped")]
    for child in Execution.objects.filter(parent_step__in=over).exclude(status__in=[*FINAL_EXECUTION, "rolling_back"]):
        yield f"{child.parent_step.step_id} is {child.parent_step.status}, and what it started {child.status}"


def is_held(execution):
    """Whether an execution, or one that it is a part of, is paused and not about to end."""
    while execution is not None:
        if "pause" in execution.control and execution.status not in FINAL_EXECUTION and not {"cancel", "rollback"} & set(execution.control):
            return True
        execution = execution.parent_step and execution.parent_step.execution
    return False


def go_on_below(execution):
    """The executions that may begin something though the one above is about to fail, and has been driven since."""
    halting = [step["id"] for step in execution.version.document["steps"] if step.get("on_error", "halt") == "halt"]
    if "pause" in execution.control or not execution.steps.filter(status="failed", step_id__in=halting).exists():
        return
    for child in Execution.objects.filter(parent_step__execution=execution).exclude(status__in=[*FINAL_EXECUTION, "rolling_back"]):
        if "cancel" not in child.control:
            yield f"it is about to fail, and what {child.parent_step.step_id} started is {child.status}"


def derived(execution):
    """The status of an execution that rests, from its steps alone: the first that applies; a pause overrides, and an end that."""
    if "pause" in execution.control and not {"cancel", "rollback"} & set(execution.control):
        return "paused"
    runs = list(execution.steps.all())
    asked = [run.approval_id for run in runs if run.status == "awaiting_approval"]
    if Request.objects.filter(pk__in=asked, status="pending").exists():
        return "awaiting_approval"
    return "awaiting_input" if {run.status for run in runs} & {"awaiting_input", "uncertain"} else "waiting"
