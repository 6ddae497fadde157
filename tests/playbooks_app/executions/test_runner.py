"""Executions on the real database, with a mock vendor."""

import pytest

from accounts.services import stops
from adapters import calls, errors
from adapters.models import AdapterInstance
from approvals.choices import Verdict
from approvals.models import Request
from audit.selectors import entries
from core import clock
from playbooks_app.selectors import snapshots
from playbooks_app.services import commits, executions, leases, runner
from tests import factories
from tests.playbooks_app.executions.worlds import READ, WRITE, driven, later, step, writes


def test_reads_run_by_themselves(world):
    execution = driven(world.begin(READ, {**READ, "id": "again"}))
    assert execution.status == "completed"
    assert step(execution, "again").output["isolated"] is False


def test_a_write_waits_for_approval(world):
    execution = driven(world.begin(WRITE))
    assert execution.status == "awaiting_approval"
    assert writes() == []


def test_what_was_approved_is_done_once_with_a_receipt(world):
    execution = driven(world.begin(WRITE))
    world.decide()
    assert driven(driven(execution)).status == "completed"
    assert writes() == ["edr.isolate_host"]
    request = Request.objects.get()
    assert request.status == "executed"
    assert request.receipt


def test_a_rejection_fails_the_step_and_calls_nothing(world):
    execution = driven(world.begin(WRITE))
    world.decide(Verdict.REJECT)
    assert driven(execution).status == "failed"
    assert writes() == []


def test_what_changed_since_it_was_approved_is_asked_anew(world):
    execution = driven(world.begin(WRITE))
    first = world.decide()
    AdapterInstance.objects.filter(pk=world.edr.pk).update(name="another-edr")
    assert driven(execution).status == "awaiting_approval"
    first.refresh_from_db()
    assert first.status == "withdrawn"
    assert writes() == []


def test_at_l0_people_do_everything(world):
    execution = driven(world.begin(READ, level="L0"))
    assert execution.status == "awaiting_input"
    executions.update_step(
        execution_id=execution.pk, step_id="look", status="completed", output={"isolated": True},
        actor=world.analyst.actor(), now=clock.now(),
    )  # fmt: skip
    assert driven(execution).status == "completed"
    assert step(execution, "look").mode == "manual"


def test_at_l2_it_goes_on_with_what_was_rehearsed(world):
    execution = driven(world.begin(WRITE, READ, level="L2"))
    assert execution.status == "completed"
    assert step(execution, "isolate").status == "simulated"
    assert writes() == []


def test_at_l2_what_stands_on_a_rehearsal_is_marked(world):
    execution = driven(world.begin(WRITE, READ, level="L2"))
    assert step(execution, "look").built_on_simulated


def test_a_queued_write_runs_for_real_after_the_end(world):
    execution = driven(world.begin(WRITE, level="L2"))
    world.decide()
    driven(execution)
    assert step(execution, "isolate").mode == "real"
    assert writes() == ["edr.isolate_host"]


def test_a_queued_write_that_fails_leaves_a_running_execution_alone(world):
    manual = {"id": "m", "kind": "manual", "instructions": "look"}
    execution = driven(world.begin(WRITE, manual, level="L2"))
    world.script("edr.isolate_host", "auth")
    world.decide()
    assert driven(execution).status == "awaiting_input"


def test_a_stop_at_the_last_moment_keeps_a_queued_write_approved(world):
    execution = driven(world.begin(WRITE, level="L2"))
    world.decide()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "send", lambda *_args, **_kwargs: calls.Outcome(error=errors.Stopped()))
        patch.setattr(runner, "LONGEST_DRIVE", 0.05)
        driven(execution)
    assert step(execution, "isolate").status == "simulated"
    driven(execution)
    assert writes() == ["edr.isolate_host"]


def test_a_drill_queues_nothing(world):
    assert driven(world.begin(WRITE, drill=True)).status == "completed"
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("mode", "status", "first"),
    [("halt", "failed", "failed"), ("continue", "completed", "failed"), ("skip", "completed", "skipped")],
)
def test_a_failed_step_follows_its_mode(world, mode, status, first):
    world.script("edr.get_isolation_status", "auth", remaining=1)
    execution = driven(world.begin({**READ, "on_error": mode}, {**READ, "id": "next"}))
    assert (execution.status, step(execution, "look").status) == (status, first)


def test_a_write_is_asked_for_though_the_state_before_it_cannot_be_read(world):
    world.script("edr.get_isolation_status", "timeout", remaining=1)
    assert driven(world.begin(WRITE)).status == "awaiting_approval"
    assert Request.objects.get().confidence is None


def test_a_read_is_tried_again(world):
    world.script("edr.get_isolation_status", "unavailable", remaining=1)
    execution = driven(world.begin({**READ, "retry": {"attempts": 2, "backoff": "1s"}}))
    assert execution.status == "waiting"
    execution.steps.update(retry_at=clock.now())
    assert driven(execution).status == "completed"


def test_a_person_may_roll_back_what_has_ended(world):
    execution = driven(world.begin(WRITE))
    world.decide()
    driven(execution)
    executions.rollback(execution_id=execution.pk, reason="wrong host", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "rolled_back"
    assert writes() == ["edr.isolate_host", "edr.unisolate_host"]
    assert execution.result["outcome"] == "completed"


def test_a_failure_undoes_where_the_playbook_says_so(world):
    execution = driven(
        world.begin(WRITE, {**READ, "id": "bad", "with": {"host": "{{ alert.none }}"}}, rollback={"on": ["failure"]})
    )
    world.decide()
    assert driven(execution).status == "rolled_back"
    assert writes()[-1] == "edr.unisolate_host"


def test_cancel_withdraws_what_was_asked(world):
    execution = driven(world.begin(WRITE))
    executions.cancel(execution_id=execution.pk, reason="false alarm", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "cancelled"
    assert Request.objects.get().status == "withdrawn"


def test_an_emergency_stop_keeps_an_approved_write_waiting(world):
    execution = driven(world.begin(WRITE))
    world.decide()
    stops.engage(tenant=world.tenant, reason="stop", actor=factories.SETUP, now=clock.now())
    assert driven(execution).status == "waiting"
    assert writes() == []


def test_the_stream_has_no_gaps(world):
    execution = driven(world.begin(READ, WRITE))
    numbers = [entry.seq for entry in entries.of_stream(f"execution:{execution.pk}")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_one_worker_drives_at_a_time(world):
    execution = world.begin(READ)
    assert leases.acquire(snapshots.read(execution.pk), owner="one", now=clock.now())
    assert runner.advance(execution.pk) is False


def test_a_worker_that_lost_its_lease_cannot_commit(world):
    execution = world.begin(READ)
    stale = leases.acquire(snapshots.read(execution.pk), owner="one", now=clock.now())
    later(execution)
    leases.acquire(snapshots.read(execution.pk), owner="two", now=clock.now())
    with pytest.raises(leases.LostLease):
        leases.hold(stale, now=clock.now())


def test_an_execution_that_changed_since_it_was_read_is_not_taken(world):
    execution = world.begin(READ)
    before = snapshots.read(execution.pk)
    leases.wake(execution.pk, now=clock.now())
    assert leases.acquire(before, owner="one", now=clock.now()) is None


def test_a_driver_that_is_told_of_news_reads_before_it_writes(world):
    execution = world.begin(READ)
    lease = leases.acquire(snapshots.read(execution.pk), owner="one", now=clock.now())
    leases.wake(execution.pk, now=clock.now())
    with pytest.raises(leases.Stale):
        leases.hold(lease, now=clock.now())


def test_a_cancel_during_a_call_keeps_its_result_and_starts_nothing_more(world, monkeypatch):
    execution, real = world.begin(READ, {**READ, "id": "next"}), calls.send

    def cancelled_meanwhile(*args, **kwargs):
        executions.cancel(execution_id=execution.pk, reason="enough", actor=world.analyst.actor(), now=clock.now())
        return real(*args, **kwargs)

    monkeypatch.setattr(calls, "send", cancelled_meanwhile)
    assert driven(execution).status == "cancelled"
    assert (step(execution, "look").status, step(execution, "next").status) == ("completed", "cancelled")


def test_an_approved_write_that_provably_did_not_happen_is_tried_again(world):
    execution = driven(world.begin({**WRITE, "retry": {"attempts": 2, "backoff": "1s"}}))
    world.script("edr.isolate_host", "rate_limit", remaining=1)
    world.decide()
    assert driven(execution).status == "waiting"
    execution.steps.update(retry_at=clock.now())
    assert driven(execution).status == "completed"
    assert writes() == ["edr.isolate_host"]


def test_a_queued_write_that_changed_is_queued_anew(world):
    execution = driven(world.begin(WRITE, level="L2"))
    first = world.decide()
    AdapterInstance.objects.filter(pk=world.edr.pk).update(name="another-edr")
    driven(execution)
    first.refresh_from_db()
    assert first.status == "withdrawn"
    assert Request.objects.get(status="pending").simulated
    assert writes() == []


def test_an_undo_waits_while_an_emergency_stop_stands(world):
    execution = driven(world.begin(WRITE))
    world.decide()
    driven(execution)
    stops.engage(tenant=world.tenant, reason="stop", actor=factories.SETUP, now=clock.now())
    executions.rollback(execution_id=execution.pk, reason="wrong host", actor=world.analyst.actor(), now=clock.now())
    assert driven(execution).status == "rolling_back"
    assert writes() == ["edr.isolate_host"]
    stops.release(tenant=world.tenant, reason="over", actor=factories.SETUP, now=clock.now())
    assert driven(execution).status == "rolled_back"


def test_a_chain_of_reads_costs_one_commit_more_than_it_has_steps(world, monkeypatch):
    execution, seen, real = world.begin(*({**READ, "id": f"s{number}"} for number in range(5))), [], commits.write
    monkeypatch.setattr(commits, "write", lambda *args: (seen.append(1), real(*args))[1])
    assert driven(execution).status == "completed"
    assert len(seen) == 6
