"""The one statement of a commit does what the ORM would do, and everything or nothing."""

import uuid

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Tenant
from adapters.contract import ExecutionResult
from adapters.models import Call
from audit.journal import Tail
from audit.selectors import entries
from audit.services import verify
from core import clock, writes
from entities.models import Node
from playbooks_app.models import Execution, Playbook, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import commits, journaling, leases, runner
from playbooks_app.services.drive import Drive
from tests import factories
from tests.playbooks_app.executions.worlds import READ, WRITE, driven

STEPS = [READ, {**READ, "id": "again", "needs": []}, {"id": "w", "kind": "wait", "duration": "1ms"}, WRITE]
DIFFERENT = {"id", "created_at", "started_at", "completed_at", "finished_at", "execution_id", "version_id", "trace_id"} | {
    "call_id", "approval_id", "idempotency_key", "owner_id", "wake_at", "wake_noted_at", "deadline", "lease_until", "result_digest", "iteration_of_id", "fence",
}  # fmt: skip


def rows(execution):
    """What a run left behind, without what differs from run to run."""
    found = [
        *Execution.objects.filter(pk=execution.pk).values(),
        *StepRun.objects.filter(execution=execution).order_by("position", "step_id").values(),
        *Call.objects.filter(owner_id=str(execution.pk)).order_by("id").values(),
    ]
    return [{name: value for name, value in row.items() if name not in DIFFERENT} for row in found]


def through(execution):
    """Drive an execution over its wait, which may be over before or after it has come to rest."""
    for _ in range(1000):
        if driven(execution).status != "waiting":
            return execution
    raise AssertionError("It waits for longer than its wait.")


def told(execution):
    return [(entry.seq, entry.kind, entry.data.get("status")) for entry in entries.of_stream(f"execution:{execution.pk}")]


def test_both_ways_leave_the_same_rows_and_the_same_stream(world):
    by_statement = through(world.begin(*STEPS))
    Playbook.objects.update(slug="first")
    with pytest.MonkeyPatch.context() as patch:
        real = commits.write
        patch.setattr(commits, "write", lambda *args: real(*args[:4]))
        by_orm = through(world.begin(*STEPS))
    assert rows(by_statement) == rows(by_orm)
    assert told(by_statement) == told(by_orm)


def test_what_one_statement_wrote_verifies(world):
    driven(world.begin(*STEPS))
    assert not verify.run().problems


@pytest.fixture
def drive(world):
    execution = snapshots.read(world.begin(READ).pk)
    lease = leases.acquire(execution, owner="one", now=clock.now())
    return Drive(execution, lease)


def noted(drive):
    drive.place(drive.runs["look"], "skipped", clock.now(), why="a test")
    return drive


def standing(drive):
    return StepRun.objects.get(execution=drive.execution).status


@pytest.mark.parametrize(
    ("change", "error"),
    [({"fence": 99}, leases.LostLease), ({"lease_owner": "two"}, leases.LostLease), ({"wake_at": clock.now()}, leases.Stale)],
)
def test_without_the_lease_nothing_is_written(drive, change, error):
    before = len(told(drive.execution))
    Execution.objects.update(**change)
    with pytest.raises(error):
        noted(drive).commit()
    assert (standing(drive), len(told(drive.execution))) == ("not_started", before)


def test_where_somebody_else_appended_the_entry_comes_after_theirs(drive):
    noted(drive)
    drive._tail = Tail.of(journaling.stream_of(drive.execution))
    journaling.of_execution(drive.execution, "execution:noted", now=clock.now())
    drive.commit()
    assert [kind for _, kind, _ in told(drive.execution)][-2:] == ["execution:noted", "step:finished"]
    assert not verify.run().problems


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps text of any length.")
def test_a_row_that_is_too_long_is_refused_and_never_cut(drive):
    with pytest.raises(DataError):
        writes.write([], [writes.Insert([Node(tenant=drive.execution.tenant, kind="host", key="x" * 256, label="x")])])


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps text of any length.")
def test_a_change_that_is_too_long_is_refused_and_never_cut(drive):
    run = drive.runs["look"]
    run.name = "x" * 201
    with pytest.raises(DataError):
        writes.write([], [writes.Update([run], ("name",))])


def test_a_guard_that_finds_nothing_keeps_everything_back(drive):
    guard = writes.Guard(Execution, {"id": uuid.uuid4()}, {"title": "x"})
    run = drive.runs["look"]
    run.status = "failed"
    assert writes.write([guard], [writes.Update([run], ("status",))]) is False
    assert standing(drive) == "not_started"


def test_rows_go_with_what_else_is_written(drive):
    rows = [Node(tenant=drive.execution.tenant, kind="host", key=key, label=key) for key in "abc"]
    writes.write([], [writes.Insert(rows)])
    bad, good = (writes.Guard(Execution, {"id": key}, {}) for key in (uuid.uuid4(), drive.execution.pk))
    assert writes.write([bad], [writes.Delete(rows[:2])]) is False
    assert Node.objects.filter(key__in="abc").count() == 3
    assert writes.write([good], [writes.Delete(rows[:2])])
    assert list(Node.objects.filter(key__in="abc").values_list("key", flat=True)) == ["c"]


def test_several_guards_have_to_hold(drive):
    good = writes.Guard(Execution, {"id": drive.execution.pk}, {"title": "changed"})
    bad = writes.Guard(Execution, {"id": uuid.uuid4()}, {})
    assert writes.write([good, bad], []) is False
    assert Execution.objects.get().title != "changed"


def test_a_chain_of_reads_costs_few_statements(world, monkeypatch):
    execution, written, real = world.begin(*({**READ, "id": f"s{n}"} for n in range(10))), [], writes.write
    monkeypatch.setattr(writes, "write", lambda *args, **how: (written.append(1), real(*args, **how))[1])
    monkeypatch.setattr("adapters.mocking.MockAdapter.execute", _nothing)
    with CaptureQueriesContext(connection) as queries:
        runner.advance(execution.pk)
    # The lease, the intents and results of ten reads, and the end.
    assert len(written) == 12
    if connection.vendor == "postgresql":
        assert len(queries) + len(written) <= 16


def _nothing(*_args):
    return ExecutionResult({"isolated": False})


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite waits for each commit.")
def test_what_need_not_last_leaves_the_next_commit_durable():
    tenant = factories.tenant("acme")
    guard = writes.Guard(Tenant, {"id": tenant.pk}, {"name": "changed"})
    assert writes.write([guard], [], durable=False)
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
    tenant.refresh_from_db()
    assert tenant.name == "changed"
