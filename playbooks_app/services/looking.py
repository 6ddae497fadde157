"""Whether a write whose answer was lost took effect, by looking.

What is there was done. What is not there yet may still be under way at a vendor that takes its time: that it was not done
counts only when the whole time of a call has passed since somebody first looked in vain. Each machine counts that for
itself, by a clock that nobody sets.
"""

import datetime as dt
import time

from adapters import calls, errors
from adapters.models import Call
from audit.choices import Kind
from core import clock, uptime
from playbooks_app.models import StepRun
from playbooks_app.services import journaling, keeping
from playbooks_app.services.drive import Drive

SECONDS = 30.0
#: What a call may take beyond its time until it has surely ended.
MARGIN = 5.0
WHY = "the time of the call to be over: it is not there yet, and may still be under way"


def look(drive: Drive, call: Call) -> bool | None:
    """Return whether a write has taken effect; None where that cannot be told. The lease is kept meanwhile."""
    keeping.watch(drive.lease, time.monotonic() + SECONDS)
    return calls.look(call, timeout=SECONDS)


def puts_off(drive: Drive, run: StepRun, timeout: float) -> bool:
    """Have a write that was not found looked for again, where its call, of `timeout` seconds, may be under way; else return False."""
    drive.batch.change(run)
    since = {uptime.machine(): uptime.seconds(), **(run.error or {}).get("since", {})}
    left = timeout + MARGIN - (uptime.seconds() - since[uptime.machine()])
    if left <= 0:
        run.error, run.retry_at, run.waiting_for = None, None, ""
        return False
    now, lost = clock.now(), errors.CallTimeout("The worker stopped before the answer was recorded.")
    run.error = {**lost.to_dict(), "pause": left, "since": since}
    run.retry_at, run.waiting_for = now + dt.timedelta(seconds=left), WHY
    drive.batch.facts.append(journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=now, why=WHY))
    return True
