"""Whether a write whose answer was lost took effect, by looking.

What is there was done. What is not there yet may still be under way at a vendor that takes its time: that it was not done
counts only when the whole time of a call has passed since somebody first looked in vain. Each machine counts that for
itself, by a clock that nobody sets.
"""

import datetime as dt
import time
from typing import Any

from adapters import calls, errors
from adapters.contract import Action
from adapters.models import Call
from audit.choices import Kind
from core import clock, uptime
from playbooks_app.models import StepRun
from playbooks_app.services import journaling, keeping
from playbooks_app.services.drive import Drive
from playbooks_app.spec.schema import Step

SECONDS = 30.0
#: What the call of a step may take that does not say.
DEFAULT_TIMEOUT = 30.0
#: What a call may take beyond its time until it has surely ended.
MARGIN = 5.0
WHY = "the time of the call to be over: it is not there yet, and may still be under way"


def look(drive: Drive, call: Call) -> bool | None:
    """Return whether a write has taken effect; None where that cannot be told. The lease is kept meanwhile."""
    keeping.watch(drive.lease, time.monotonic() + SECONDS)
    return calls.look(call, timeout=SECONDS)


def timeout_of(step: Step) -> float:
    """Return how many seconds the call of a step may take."""
    return step.timeout.total_seconds() if step.timeout else DEFAULT_TIMEOUT


def puts_off(drive: Drive, run: StepRun, timeout: float, seen: errors.AdapterError | None = None) -> bool:
    """Have a write that was not found looked for again, where its call, of `timeout` seconds, may be under way; else return False.

    What the worker that made the call has `seen` of it is kept meanwhile; of one that stopped, nothing is known.
    """
    drive.batch.change(run)
    if seen is None:
        drive.batch.standing.add(run.pk)
    machine, up = uptime.machine(), uptime.seconds()
    known = (run.error or {}).get("since", {})
    # A machine that was set back to an earlier moment of its life, as by a snapshot, counts anew.
    since = {**known, machine: min(known.get(machine, up), up)}
    left = timeout + MARGIN - (up - since[machine])
    if left <= 0:
        run.error, run.retry_at, run.waiting_for = None, None, ""
        return False
    now, error = clock.now(), seen or errors.CallTimeout("The worker stopped before the answer was recorded.")
    told: dict[str, Any] = {"error": seen.code} if seen else {}
    run.error = {**error.to_dict(), "outcome_unknown": True, "pause": left, "since": since, **as_seen(seen)}
    run.retry_at, run.waiting_for = now + dt.timedelta(seconds=left), WHY
    drive.batch.facts.append(journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=now, why=WHY, **told))
    return True


def as_seen(seen: errors.AdapterError | None) -> dict[str, Any]:
    """Return what a step's error keeps of what the worker that made its call has `seen`, for `given_up`."""
    return {"seen": {**seen.to_dict(), "retry_after": seen.retry_after}} if seen else {}


def given_up(run: StepRun, action: Action) -> errors.AdapterError | None:
    """Return the error with which the worker that made the call of a step gave it up; None where that worker stopped.

    What is safe to repeat, and cannot be looked for, is repeated where a person asks what became of it: None as well, but for
    a try after which no other can be made.
    """
    kept = (run.error or {}).get("seen")
    if not kept or (action.repeatable and not action.look and kept["code"] != errors.NoOtherTry.code):
        return None
    return errors.restored(kept)
