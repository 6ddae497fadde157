"""One commit of a driver: the lease, the rows that changed, and the journal, all or none."""

import dataclasses
import datetime as dt
import itertools
import operator
import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from adapters import calls
from adapters.models import Call
from audit import journal
from audit.choices import Kind
from audit.journal import Fact, Tail
from core import writes
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import leases
from playbooks_app.services.leases import Lease

#: What a driver changes of a step; the rest belongs to people or is never changed.
STEP_FIELDS = (
    "status", "mode", "effect", "attempt", "idempotency_key", "output", "error", "waiting_for", "decision", "approval_id",
    "call_id", "built_on_simulated", "retry_at", "started_at", "completed_at", "params", "params_shown", "simulation",
    "evaluations",
)  # fmt: skip

Values = tuple[Any, ...]

_values_of: Callable[[StepRun], Values] = operator.attrgetter(*STEP_FIELDS)


def values_of(run: StepRun) -> Values:
    """Return what a driver may change of a step, to tell later by identity what it has replaced."""
    return _values_of(run)


@dataclasses.dataclass(slots=True)
class Batch:
    """What a driver has changed in memory and not yet written.

    `fields` names what changed of the execution. `then` runs in the same transaction after the rows. What is `urgent` is
    written before anything else is decided. `release` gives the execution back until `wake_at`. `stored` has the values
    of each step as the database has them. `standing` has the steps whose call was lost with its worker, and which do no
    more than wait for it, or make it anew. `above` is the step of the execution above, which hears of the end of this one.
    """

    stored: dict[Any, Values] = dataclasses.field(default_factory=dict)
    fields: set[str] = dataclasses.field(default_factory=set)
    new_runs: list[StepRun] = dataclasses.field(default_factory=list)
    runs: dict[Any, StepRun] = dataclasses.field(default_factory=dict)
    new_calls: list[Call] = dataclasses.field(default_factory=list)
    calls: list[Call] = dataclasses.field(default_factory=list)
    facts: list[Fact] = dataclasses.field(default_factory=list)
    then: list[Callable[[dt.datetime], None]] = dataclasses.field(default_factory=list)
    urgent: bool = False
    release: bool = False
    wake_at: dt.datetime | None = None
    standing: set[Any] = dataclasses.field(default_factory=set)
    above: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.fields or self.new_runs or self.runs or self.new_calls or self.calls or self.facts or self.then)

    def change(self, run: StepRun) -> None:
        """Take note that a step has changed."""
        if all(run is not new for new in self.new_runs):
            self.runs[run.pk] = run

    def changed(self) -> dict[tuple[str, ...], list[StepRun]]:
        """Return the changed steps, each under the names of what is to be written of it: no value is ever changed in place."""
        found: dict[tuple[str, ...], list[StepRun]] = {}
        for run in self.runs.values():
            stored = self.stored.get(run.pk)
            names = STEP_FIELDS if stored is None else _replaced(stored, values_of(run))
            if names:
                found.setdefault(names, []).append(run)
        return found


def _replaced(stored: Values, values: Values) -> tuple[str, ...]:
    return tuple(itertools.compress(STEP_FIELDS, map(operator.is_not, stored, values)))


def write(execution: Execution, lease: Lease, batch: Batch, now: dt.datetime, tail: Tail | None = None) -> Tail | None:
    """Write a batch in one transaction; raises LostLease or Stale, and then nothing was written.

    With the end of the execution's stream it is one statement on PostgreSQL, and the new end is returned. Where somebody
    else has appended to the stream meanwhile, or other services take part, the ORM does it, and the end is not known.
    """
    if tail is not None and batch.facts and not batch.then:
        links = tail.chain(batch.facts)
        guard, began = _guard(execution, lease, batch, now), time.monotonic()
        if writes.write([guard, *links.guards], [*_changes(batch), *links.changes]):
            lease.renewed = began if "lease_until" in guard.values else lease.renewed
            return links.written()
    with transaction.atomic():
        if batch.above is not None:
            lock(execution.pk, batch)
        apply(execution, lease, batch, now)
    return None


def lock(execution_id: Any, batch: Batch) -> None:
    """Lock the execution above one that ends, then this one: whoever ends the one above does so in the same order."""
    rows = Execution.objects.select_for_update(of=("self",)).order_by()
    if batch.above is not None:
        list(rows.filter(steps=batch.above).values_list("pk"))
    list(rows.filter(pk=execution_id).values_list("pk"))


def apply(execution: Execution, lease: Lease, batch: Batch, now: dt.datetime) -> None:
    """The same with the ORM, inside the caller's transaction."""
    values = {"lease_until": now + leases.LENGTH, **_values(execution, lease, batch, now)}
    lease.renewed = time.monotonic()
    if not leases.held(lease).filter(wake_at__isnull=True).update(**values):
        leases.refuse(lease)
    for change in _changes(batch):
        rows: Any = change.rows
        model = type(rows[0])
        if isinstance(change, writes.Insert):
            model.objects.bulk_create(rows)
        else:
            model.objects.bulk_update(rows, change.fields)
    if batch.facts:
        journal.append_all(batch.facts)
    for then in batch.then:
        then(now)


def _values(execution: Execution, lease: Lease, batch: Batch, now: dt.datetime) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(execution, name) for name in sorted(batch.fields)}
    ends = {"lease_owner": "", "lease_until": None, **leases.look(batch.wake_at, now=now)} if batch.release else {}
    # A lease that was renewed just now is left alone, and with it often the whole row.
    renewed = {} if lease.age < leases.LENGTH.total_seconds() / 2 else {"lease_until": now + leases.LENGTH}
    survived = {"losses": 0} if execution.losses and _survives(batch) else {}
    return {**values, **renewed, **survived, **ends}


def _survives(batch: Batch) -> bool:
    """Return whether a driver came past the place at which the one before was lost: it has moved a step, or rests at none."""
    if batch.new_runs or (batch.release and not batch.standing) or any(fact.kind == Kind.EXECUTION_PLANNED for fact in batch.facts):
        return True
    begun = {row.pk for row in batch.new_calls}
    return any(run.pk not in batch.standing and run.call_id not in begun for run in batch.runs.values())


def _guard(execution: Execution, lease: Lease, batch: Batch, now: dt.datetime) -> writes.Guard:
    where = {"id": lease.execution_id, "lease_owner": lease.owner, "fence": lease.fence, "wake_at": None}
    return writes.Guard(Execution, where, _values(execution, lease, batch, now))


def _changes(batch: Batch) -> list[writes.Insert | writes.Update]:
    changes: list[writes.Insert | writes.Update] = [
        writes.Insert(batch.new_runs),
        *(writes.Update(runs, names) for names, runs in batch.changed().items()),
        writes.Insert(batch.new_calls),
        writes.Update(batch.calls, calls.CONCLUDED),
    ]
    return [change for change in changes if change.rows]
