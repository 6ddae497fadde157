"""One worker driving one execution: what it has read, what it has yet to commit, and which calls it waits for."""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import transaction

from adapters import calls
from adapters.models import Call
from approvals.services import requests
from audit.choices import Kind
from audit.journal import Tail
from core import clock
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine import model, states
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots, versions
from playbooks_app.services import commits, journaling, leases, steps
from playbooks_app.services.leases import Lease
from playbooks_app.spec.schema import Playbook, Step


@dataclasses.dataclass(slots=True)
class Result:
    """What came of a call that has been made, and is recorded with the next commit.

    `found` says how, where nobody answered. One that is `repeated` may have been carried out before, for a worker that stopped.
    """

    run_id: str
    call: Call
    outcome: calls.Outcome
    settle: Callable[["Drive", "Result"], None]
    found: str = ""
    repeated: bool = False


class Drive:
    """The state in memory between two commits.

    `place` and its like change rows in memory and note what the journal gets; `commit` writes all of it at once, in one
    transaction that holds the lease. Where somebody else has changed the execution, nothing is written: it is read anew,
    and the results of calls, which are facts, are applied again. `answers` is what calls in flight have come back with since
    the last commit, whatever was found by looking.
    """

    def __init__(self, execution: Execution, lease: Lease) -> None:
        self.lease = lease
        self.execution = execution
        self.runs: dict[str, StepRun] = {}
        self.results: list[Result] = []
        self.answers: list[tuple[Call, calls.Outcome]] = []
        self._stored: dict[Any, commits.Values] = {}
        self.batch = commits.Batch(self._stored)
        self.in_flight: set[str] = set()
        self._tail: Tail | None = snapshots.tail(execution)
        self.instances = snapshots.Instances(execution)
        self._read_steps()

    @property
    def playbook(self) -> Playbook:
        """The playbook, parsed once per version and process."""
        return versions.playbook_of(self.execution)

    def step(self, run_id: str) -> Step:
        """Return the step of the playbook behind a step, an iteration or an undo."""
        return self.playbook.step(model.step_id_of(run_id.removeprefix("undo:")))

    def iterations_of(self, run: StepRun) -> list[StepRun]:
        """Return the iterations of a step, in order."""
        rows = (row for row in self.runs.values() if row.iteration_of_id == run.pk)
        return sorted(rows, key=lambda row: row.number or 0)

    def state(self, now: dt.datetime) -> model.State:
        """Return the execution as the engine is shown it."""
        return snapshots.take(self.execution, self.runs, self.instances, now, frozenset(self.in_flight))

    def read_anew(self) -> None:
        """Read what others changed, dropping what is not committed, and apply the results of calls again."""
        leases.seen(self.lease, now=clock.now())
        self.batch = commits.Batch(self._stored)
        self.execution = snapshots.read(self.lease.execution_id)
        self._tail = snapshots.tail(self.execution)
        self.instances = snapshots.Instances(self.execution)
        self._read_steps()
        for result in self.results:
            result.settle(self, result)

    def settle(self, result: Result) -> None:
        """Apply the result of a call; it is committed with what follows from it."""
        if result.run_id in self.in_flight:
            self.in_flight.remove(result.run_id)
            self.answers.append((result.call, result.outcome))
        self.results.append(result)
        result.settle(self, result)

    def place(
        self,
        run: StepRun,
        status: StepStatus,
        now: dt.datetime,
        command: model.OfStep | None = None,
        *,
        kind: Kind | None = None,
        **data: Any,
    ) -> None:
        """Put a step into another status and note it for the journal."""
        steps.change(run, status, now, command)
        self.batch.change(run)
        self.batch.facts.append(journaling.step_fact(self.execution, run, kind or steps.kind_of_end(run), now=now, **data))

    def note(self, kind: Kind, now: dt.datetime, **data: Any) -> None:
        """Note something about the execution for the journal."""
        self.batch.facts.append(journaling.execution_fact(self.execution, kind, now=now, **data))

    def set_status(self, status: ExecutionStatus, now: dt.datetime, **data: Any) -> None:
        """Move the execution to another status."""
        self.execution.status = states.execution(self.execution.status, status)
        self.batch.fields |= {"status"}
        self.note(Kind.EXECUTION_STATUS, now, status=status, **data)

    def add(self, run: StepRun) -> StepRun:
        """Add a step that was not there from the start: an iteration or an undo."""
        self.runs[run.step_id] = run
        self.batch.new_runs.append(run)
        return run

    def commit(self) -> None:
        """Write all that is noted, if there is anything; raises LostLease or Stale, and then nothing was written."""
        if self.batch.is_empty:
            return
        self._write(clock.now(), self._tail or Tail.of(journaling.stream_of(self.execution)))
        self._committed()

    @contextlib.contextmanager
    def transaction(self, request_ids: Iterable[object] = ()) -> Iterator[dt.datetime]:
        """Write what is noted, run the block in the same transaction, then write what the block noted.

        Requests that the block closes are named, for they are locked before anything is written: after the executions, as
        whoever ends one locks them, and before the stream, as whoever decides does.
        """
        now, self._tail = clock.now(), None
        with transaction.atomic():
            commits.lock(self.execution.pk, self.batch)
            requests.lock(request_ids)
            self._write(now)
            yield now
            if not self.batch.is_empty:
                self._write(now)
        self._committed()

    def release(self, wake_at: dt.datetime | None) -> bool:
        """Commit what is noted and give the execution back; return False where it has to be read anew."""
        lost = {run.pk for run in self.runs.values() if _is_lost(run)}
        if self.batch.is_empty:
            return leases.release(self.lease, wake_at=wake_at, now=clock.now(), survived=not lost)
        self.batch.release = True
        self.batch.standing |= lost
        self.batch.wake_at = wake_at
        self.commit()
        return True

    def _write(self, now: dt.datetime, tail: Tail | None = None) -> None:
        self._tail = commits.write(self.execution, self.lease, self.batch, now, tail)
        for run in (*self.batch.runs.values(), *self.batch.new_runs):
            self._stored[run.pk] = commits.values_of(run)
        self.batch = commits.Batch(self._stored)

    def _committed(self) -> None:
        self.results.clear()
        self.answers.clear()

    def _read_steps(self) -> None:
        self.runs = {run.step_id: run for run in snapshots.steps(self.execution.pk)}
        self._stored.clear()
        self._stored.update({run.pk: commits.values_of(run) for run in self.runs.values()})


def _is_lost(run: StepRun) -> bool:
    """Return whether the worker that made the call of a step was lost, and nobody knows yet what became of it."""
    return run.status == StepStatus.IN_PROGRESS and run.call_id is not None and "seen" not in (run.error or {})
