"""Driving executions in the foreground: what happens is told, what waits for people is asked on the terminal."""

import contextlib
import datetime as dt
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import click
from django.conf import settings

from approvals.choices import Status, Verdict
from approvals.models import Request
from approvals.selectors import queue
from approvals.services import decisions
from audit.selectors import entries
from core import clock
from core.errors import DomainError
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots, versions
from playbooks_app.services import executions, runner, uncertain
from runbookpilot.cli import session

LEAVE = "leave"
PATIENCE = dt.timedelta(hours=1)


def terminal(stdin_is_taken: bool) -> bool:
    """Return whether somebody can be asked; where standard input held the alerts, the terminal itself is opened."""
    if not stdin_is_taken:
        return sys.stdin.isatty()
    with contextlib.suppress(OSError):
        sys.stdin = Path("/dev/tty").open()  # noqa: SIM115  (it stays open for as long as the command asks)
        return True
    return False


def drive(ids: list[uuid.UUID], *, asks: bool, quiet: bool) -> list[Execution]:
    """Drive executions one after another until each has ended or waits for somebody who is not here; return them."""
    with contextlib.suppress(KeyboardInterrupt, click.Abort):
        for execution_id in ids:
            _until_it_rests(execution_id, asks=asks, quiet=quiet)
    rows = Execution.objects.select_related("version__playbook").prefetch_related("steps__assignee").in_bulk(ids)
    return [rows[execution_id] for execution_id in ids]


def _until_it_rests(execution_id: uuid.UUID, *, asks: bool, quiet: bool) -> None:
    told = 0
    left: set[Any] = set()
    while True:
        runner.advance(execution_id)
        told = _tell(execution_id, told, quiet=quiet)
        execution = snapshots.read(execution_id)
        if execution.status in FINAL_EXECUTION or execution.status == ExecutionStatus.PAUSED:
            return
        if asks and _ask(execution, left):
            continue
        if not _sleep(execution, left):
            return


def _sleep(execution: Execution, left: set[Any]) -> bool:
    """Wait for a timer, a retry or another worker; return False where only people can move it on."""
    people = (ExecutionStatus.AWAITING_APPROVAL, ExecutionStatus.AWAITING_INPUT)
    if execution.lease_owner:
        time.sleep(0.2)
        return True
    if execution.status in people or execution.wake_at is None or execution.wake_at - clock.now() > PATIENCE:
        return False
    time.sleep(min(max((execution.wake_at - clock.now()).total_seconds(), 0.05), 1.0))
    return True


def _tell(execution_id: uuid.UUID, after: int, *, quiet: bool) -> int:
    last = after
    for entry in entries.of_stream(f"execution:{execution_id}", after=after):
        last = entry.seq
        if not quiet:
            what = entry.data.get("step") or ""
            status = entry.data.get("status") or ""
            click.echo(
                f"  {entry.at:%H:%M:%S}  {entry.actor_name} {entry.verb}"
                + (f" {what}" if what else "")
                + (f": {status}" if status else "")
            )
    return last


def _ask(execution: Execution, left: set[Any]) -> bool:
    """Ask about the first thing that waits for a person; return whether somebody answered."""
    for request in Request.objects.filter(stream=f"execution:{execution.pk}", status=Status.PENDING, simulated=False):
        if request.pk not in left:
            return _decide(request, left)
    for run in execution.steps.filter(status__in=(StepStatus.AWAITING_INPUT, StepStatus.UNCERTAIN)).order_by("position"):
        if run.pk not in left:
            return _act(execution, run, left)
    return False


def _decide(request: Request, left: set[Any]) -> bool:
    shown = queue.shape(request)
    click.echo(f"\n{request.title}")
    click.echo(f"  {shown['impact']['summary']}")
    click.echo(f"  risk {shown['impact']['risk']} of 10; parameters {json.dumps(shown['params'], ensure_ascii=False)}")
    click.echo(f"  undo: {json.dumps(shown['undo'], ensure_ascii=False) if shown['undo'] else 'nothing takes it back'}")
    if not settings.CLI_TOKEN:
        click.echo("  Set RUNBOOKPILOT_TOKEN to decide here (runbookpilot token create USER); it waits for somebody else.")
        left.add(request.pk)
        return False
    verdict = click.prompt("Decide", type=click.Choice(["approve", "reject", LEAVE]), default=LEAVE)
    if verdict == LEAVE:
        left.add(request.pk)
        return True
    reason = click.prompt("Reason", default="", show_default=False) if verdict == Verdict.APPROVE else click.prompt("Reason")
    try:
        row = decisions.decide(
            request_id=request.pk, verdict=Verdict(verdict), digest=request.digest, reason=reason,
            actor=session.person().actor(), now=clock.now(),
        )  # fmt: skip
    except DomainError as error:
        click.echo(f"  {error.sentence}")
        left.add(request.pk)
        return True
    if row.status == Status.PENDING:
        click.echo("  Recorded; it waits for more people.")
        left.add(request.pk)
    return True


def _act(execution: Execution, run: StepRun, left: set[Any]) -> bool:
    step = versions.playbook_of(execution).step(run.step_id)
    click.echo(f"\n{run.name}: {step.instructions or step.question or run.waiting_for or run.action}")
    if run.params_shown:
        click.echo(f"  parameters {json.dumps(run.params_shown, ensure_ascii=False)}")
    if not settings.CLI_TOKEN:
        click.echo("  Set RUNBOOKPILOT_TOKEN to act here (runbookpilot token create USER); it waits for somebody else.")
        left.add(run.pk)
        return False
    common: dict[str, Any] = {
        "execution_id": execution.pk, "step_id": run.step_id, "actor": session.person().actor(), "now": clock.now(),
    }  # fmt: skip
    try:
        answered = _answered(run, list(step.branches), common)
    except DomainError as error:
        click.echo(f"  {error.sentence}")
        answered = False
    if not answered:
        left.add(run.pk)
    return True


def _answered(run: StepRun, branches: list[str], common: dict[str, Any]) -> bool:
    if run.status == StepStatus.UNCERTAIN:
        answer = click.prompt("Did it happen", type=click.Choice(["look", "happened", "not_happened", LEAVE]), default=LEAVE)
        if answer != LEAVE:
            reason = "" if answer == "look" else click.prompt("How do you know")
            uncertain.answer(said=answer, reason=reason, **common)
        return bool(answer != LEAVE)
    if branches:
        answer = click.prompt("Choose", type=click.Choice([*branches, LEAVE]), default=LEAVE)
        if answer != LEAVE:
            executions.update_step(decision=answer, **common)
        return bool(answer != LEAVE)
    answer = click.prompt("Is it", type=click.Choice(["done", "skipped", LEAVE]), default=LEAVE)
    if answer == LEAVE:
        return False
    output = _output() if answer == "done" else None
    executions.update_step(status="completed" if answer == "done" else "skipped", output=output, **common)
    return True


def _output() -> dict[str, Any] | None:
    text = click.prompt("Output as JSON, empty for none", default="", show_default=False)
    if not text.strip():
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        click.echo("  That is no JSON object; nothing was kept.")
        return None
    return found
