"""Any playbook, any vendor, any order of crashes, take-overs, decisions and clocks: the engine loses, repeats and invents nothing.

After each rule everything in `truths` holds; at the end fair weather brings every execution to its end.
"""

import datetime as dt
import os

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from accounts.choices import Role
from accounts.services import stops
from adapters.models import AdapterInstance
from approvals.choices import Verdict
from approvals.models import Request
from approvals.services import decisions, requests
from core import clock, uptime
from core.errors import DomainError
from playbooks_app.choices import FINAL_EXECUTION
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun
from playbooks_app.services import closing, executions, flights, keeping, leases, runner, uncertain
from playbooks_app.services.drive import Drive
from playbooks_app.spec import loader
from tests import factories
from tests.playbooks_app.executions import truths, worlds
from tests.playbooks_app.executions.draws import ACTS, AROUND, CHILD, HAPPENINGS, LEASE, MOVES, steps_of
from tests.playbooks_app.executions.laboratory import KEYED, OPPOSITE, WORK, Died, Lab, Laboratory
from tests.playbooks_app.executions.weather import FairWeather

#: A failure is shown as it was found: to look for a shorter one takes minutes.
COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate], "report_multiple_bugs": False}
QUICK = settings(max_examples=30, stateful_step_count=10, derandomize=True, **COMMON)
DEEP = settings(max_examples=int(os.environ.get("EXAMPLES", "2000")), stateful_step_count=25, **COMMON)


class Engine(FairWeather, RuleBasedStateMachine):
    """One execution, those who work on it, and a vendor."""

    world = None
    patch = None

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = factories.NOW
        self.lab = Lab.laboratory = Laboratory()
        self.lab.watchers += [self.consented, self.sent_once]
        self.calls = set()
        self.allowed, self.problems, self.dying, self.stopped = set(), [], None, False
        self.execution, self.standing, self.pending = None, set(), False
        self.passed, self.seen = 0.0, self.now
        self.patch.setattr(clock, "now", self.tick)
        self.patch.setattr(uptime, "seconds", self.up)
        self.actor = self.world.analyst.actor()

    def tick(self):
        self.now += dt.timedelta(milliseconds=1)
        return self.now

    def up(self):
        """The clock of the machine goes on, and never back."""
        self.passed += max((self.now - self.seen).total_seconds(), 0)
        self.seen = self.now
        return self.passed

    @initialize(steps=steps_of(), around=AROUND, before=HAPPENINGS, after=HAPPENINGS)
    def start(self, steps, around, before, after):
        """Begin, up to the first approval and past it: there most can go wrong."""
        self.child()
        self.execution = self.world.begin(*steps, **around)
        self.work(before)
        if Request.objects.filter(status="pending").exists() and not self.stopped:
            self.approve_and_work(after)

    def child(self):
        """A playbook that steps may run."""
        tenant = self.world.tenant
        playbook = Playbook.objects.create(tenant=tenant, slug="child", name="Child")
        playbook.active_version = PlaybookVersion.objects.create(
            tenant=tenant, playbook=playbook, number="1.0.0", source="", document=CHILD, digest=loader.digest_of(CHILD), level="L2",
            status="active",
        )  # fmt: skip
        playbook.save()

    @rule(number=st.integers(0, 3))
    def turn(self, number):
        """Look at another of the executions, where a step has started one."""
        rows = list(Execution.objects.order_by("pk"))
        self.execution = rows[number % len(rows)]

    @rule(hap=HAPPENINGS)
    def work(self, hap):
        """A worker drives, and may die."""
        self.prepare(*hap)
        self.drive()
        self.lab.looks_fail = False

    @rule(hap=HAPPENINGS)
    def work_on(self, hap):
        """The same, for it is what happens most; whoever is due is awaited."""
        self.execution.refresh_from_db()
        self.lapse()
        self.now = max(self.now, self.execution.wake_at or self.now)
        self.work(hap)

    def lapse(self):
        """What the sweep does with the leases of workers that died."""
        Execution.objects.exclude(lease_owner="").update(lease_until=None, **leases.look(self.now, now=self.now))

    @precondition(lambda self: "awaiting_approval" in self.standing and not self.stopped)
    @rule(hap=HAPPENINGS)
    def approve_and_work(self, hap):
        self.decide(Verdict.APPROVE)
        self.work(hap)

    def prepare(self, answers, death, meanwhile, looks_fail):
        """Let things happen while the next worker works."""
        self.lab.looks_fail = looks_fail
        self.lab.answers.clear()
        self.lab.answers.extend(answers)
        self.lab.meanwhile.clear()
        self.lab.meanwhile.extend(getattr(self, f"meanwhile_{what}") for what in meanwhile)
        self.dying = list(death) if death else None

    def drive(self):
        before, calling = self.paused_or_ended(), self.calls_are_under_way()
        sent = len(self.lab.sent)
        try:
            driven = runner.advance(self.execution.pk)
        except Died:
            return
        finally:
            self.dying = None
        # What is safe to repeat is repeated, to learn what became of it.
        begun = [one for one in self.lab.sent[sent:] if not (calling and one.action in KEYED)]
        if before == "about to end":
            begun = [one for one in begun if one.action not in OPPOSITE]
        if before and begun:
            self.problems.append(f"it was {before}, and sent {begun}")
        if driven:
            self.rests()

    def paused_or_ended(self):
        """Why nothing may be sent to the vendor now, or nothing but undos; empty where something may."""
        self.execution.refresh_from_db()
        if self.stopped:
            return "stopped"
        if {"rollback", "cancel"} & set(self.execution.control):
            return "about to end"
        if truths.is_held(self.execution):
            return "paused"
        queued = self.execution.steps.filter(status="simulated", approval_id__isnull=False).exists() or self.calls_are_under_way()
        return self.execution.status if self.execution.status in FINAL_EXECUTION and not queued else ""

    def calls_are_under_way(self):
        return self.execution.steps.filter(status="in_progress", call_id__isnull=False).exists()

    def rests(self):
        """What a worker left behind that was not disturbed says by itself what it waits for."""
        self.execution.refresh_from_db()
        status = self.execution.status
        if status in FINAL_EXECUTION or status in ("rolling_back", "executing"):
            return
        if status != truths.derived(self.execution):
            self.problems.append(f"it says {status}, and its steps {truths.derived(self.execution)}")
        self.problems += truths.go_on_below(self.execution)

    def meanwhile_nothing(self):
        pass

    def meanwhile_overtaken(self):
        """The vendor takes so long that the lease runs out, and another worker takes the execution over."""
        self.now += LEASE
        self.lapse()
        dying, self.dying = self.dying, None
        runner.advance(self.execution.pk)
        self.dying = dying

    def meanwhile_cancel(self):
        self.ask(executions.cancel)

    def meanwhile_pause(self):
        self.ask(executions.pause)

    def meanwhile_pause_above(self):
        """Somebody pauses the execution that this one is a part of, or this one."""
        row = self.execution
        while row.parent_step is not None:
            row = row.parent_step.execution
        self.do(executions.pause, execution_id=row.pk, reason="because")

    def meanwhile_rollback(self):
        self.ask(executions.rollback)

    def meanwhile_abandon(self):
        self.ask(closing.abandon)

    def meanwhile_stop(self):
        self.engage()

    def meanwhile_gone(self):
        AdapterInstance.objects.filter(adapter="lab").update(enabled=False)

    def meanwhile_renamed(self):
        AdapterInstance.objects.filter(adapter="lab").update(name="other")

    @rule(by=st.sampled_from(MOVES))
    def move_clock(self, by):
        self.now += by

    @precondition(lambda self: self.pending and not self.stopped)
    @rule(verdict=st.sampled_from([Verdict.APPROVE, Verdict.REJECT]))
    def decide(self, verdict):
        request = Request.objects.filter(status="pending").first()
        if request is None or request.expires_at <= self.now:
            return
        decided = self.do(decisions.decide, request_id=request.pk, verdict=verdict, digest=request.digest, reason="seen")
        if decided and verdict == Verdict.APPROVE:
            self.allowed.add(request.pk)
        self.wake()

    @precondition(lambda self: self.pending)
    @rule()
    def expire(self):
        pending = Request.objects.filter(status="pending").first()
        self.now = max(self.now, pending.expires_at)
        self.let_expire()

    def let_expire(self):
        # What was waited is what the clock says here.
        Request.objects.filter(status="pending", expires_at__lte=self.now).update(ends_after=0.0)
        if not requests.expire_due(actor=factories.SETUP, now=clock.now(), waited=0.0):
            return
        self.allowed.update(Request.objects.filter(status="approved", decided_by_timeout=True).values_list("pk", flat=True))
        self.wake()

    @rule(what=st.sampled_from(ACTS))
    def interfere(self, what):
        self.ask(what)

    @precondition(lambda self: "uncertain" in self.standing)
    @rule(look=st.booleans())
    def say_what_happened(self, look):
        self.answer(self.execution.steps.filter(status="uncertain").first(), look=look)

    @precondition(lambda self: "awaiting_input" in self.standing)
    @rule(status=st.sampled_from(["completed", "skipped"]))
    def work_by_hand(self, status):
        run = self.execution.steps.filter(status="awaiting_input").first()
        self.do(executions.update_step, execution_id=self.execution.pk, step_id=run.step_id, status=status)

    @rule(enabled=st.booleans(), name=st.sampled_from(["lab", "other"]))
    def change_adapter(self, enabled, name):
        """An administrator disables the one instance that serves, or names it anew: what was approved is no longer what would be sent."""
        AdapterInstance.objects.filter(adapter="lab").update(enabled=enabled, name=name)

    @precondition(lambda self: not self.stopped)
    @rule()
    def engage(self):
        if not self.stopped:
            stops.engage(tenant=self.world.tenant, reason="x", actor=factories.SETUP, now=clock.now())
            self.stopped = True

    @precondition(lambda self: self.stopped)
    @rule()
    def release(self):
        stops.release(tenant=self.world.tenant, reason="x", actor=factories.SETUP, now=clock.now())
        self.stopped = False

    @invariant()
    def everything_holds(self):
        if self.execution is None:
            return
        found = [*self.problems, *(told for row in Execution.objects.all() for told in truths.hold(row, self.lab))]
        assert not found, found
        self.standing = set(self.execution.steps.values_list("status", flat=True))
        self.pending = Request.objects.filter(status="pending").exists()

    def teardown(self):
        try:
            self.fair_weather()
            self.lab.go_on(WORK)
            self.everything_holds()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def answer(self, run, *, look):
        if not look:
            # Who says that it did not happen has waited until the vendor was done with it.
            self.lab.go_on(WORK)
        done = self.lab.did(run.action, truths.what_of(run))
        answer = "look" if look else "happened" if done else "not_happened"
        self.do(uncertain.answer, execution_id=self.execution.pk, step_id=run.step_id, said=answer, reason="seen")

    def ask(self, what):
        self.do(what, execution_id=self.execution.pk, reason="because")

    def do(self, service, **given):
        """Ask as a person does; what is refused changes nothing."""
        before = list(self.execution.steps.order_by("pk").values_list("step_id", "status"))
        try:
            with transaction.atomic():
                return service(actor=self.actor, now=clock.now(), **given)
        except DomainError:
            assert before == list(self.execution.steps.order_by("pk").values_list("step_id", "status"))
            return None

    def wake(self):
        """What the pump does with a decision."""
        for row in Execution.objects.all():
            leases.wake(row.pk, now=self.now)

    def sent_once(self, action, what):
        """What is not safe to repeat is sent again, if at all, as a call of its own."""
        run = next(run for run in StepRun.objects.filter(action=action) if truths.what_of(run) == what)
        if action not in KEYED and run.call_id in self.calls:
            self.problems.append(f"{action} of {what} was sent twice in one call")
        self.calls.add(run.call_id)

    def consented(self, action, what):
        """At the moment at which a write reaches the vendor: people agreed to it, and no stop stands."""
        if self.stopped:
            self.problems.append(f"{action} of {what} was sent while a stop stands")
        run = next((run for run in StepRun.objects.filter(action=action, undo_of=None) if truths.what_of(run) == what), None)
        if action in ("lab.tell", "lab.unkeyed", "lab.unlooked") or run is None:
            return
        asked = run.iteration_of_id or run.pk
        rows = list(Request.objects.filter(subject_id=str(asked)).order_by("-created_at", "-id"))
        # What is repeated to learn what became of it was agreed to when it was sent first, whatever was asked since.
        if not any(row.pk in self.allowed and self.lists(row, what) for row in (rows if run.call_id in self.calls else rows[:1])):
            self.problems.append(f"{action} of {what} was sent without consent")

    def lists(self, request, what):
        listed = request.document["call"]["params"]
        return {"what": what} in (listed if isinstance(listed, list) else [listed])


@pytest.fixture
def machine(world, laboratory, monkeypatch):
    """The machine, in a tenant whose one adapter is the laboratory."""
    alive = []
    monkeypatch.setattr(keeping, "watch", lambda *_args, **_kwargs: None)
    # The machine's own clock stands still while the test's moves: ask for the lease before each write, as after a long pause.
    monkeypatch.setattr(flights, "TRUST", -1.0)
    lead = factories.user(Role.LEAD, world.tenant)

    class Here(Engine):
        def __init__(self):
            alive[:] = [self]
            super().__init__()

    Here.world, Here.patch = worlds.World(world.tenant, world.environment, lead, world.edr), monkeypatch
    for name in ("_write", "release"):
        monkeypatch.setattr(Drive, name, worlds.dying(lambda: alive[0], name))
    return Here


def test_the_engine_loses_repeats_and_invents_nothing(machine):
    run_state_machine_as_test(machine, settings=QUICK)


@pytest.mark.slow
def test_the_engine_loses_repeats_and_invents_nothing_in_the_long_run(machine):
    run_state_machine_as_test(machine, settings=DEEP)
