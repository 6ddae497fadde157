"""Fair weather for the model of the engine: nothing dies, people do what they can, and time passes."""

import datetime as dt

from django.db.models import Min

from adapters.models import AdapterInstance
from approvals.choices import Verdict
from approvals.models import Request
from approvals.services import decisions
from audit import pump
from audit.selectors import deliveries
from audit.services import dead_letters
from core import clock
from playbooks_app.choices import FINAL_EXECUTION
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import executions
from playbooks_app.tasks.executions import due
from tests import factories

ROUNDS = 60


class FairWeather:
    """What brings every execution of the model to its end."""

    def fair_weather(self):
        """Everything that people and time can do is done: the execution ends."""
        self.lab.answers.clear()
        self.lab.meanwhile.clear()
        AdapterInstance.objects.filter(adapter="lab").update(enabled=True)
        if self.stopped:
            self.release()
        for _ in range(ROUNDS):
            self.send_dead_letters()
            for row in Execution.objects.order_by("-pk"):
                self.execution = row
                self.help()
            if not Execution.objects.exclude(status__in=FINAL_EXECUTION, lease_owner="", wake_at=None).exists():
                return
            self.sweep()
        rows = Execution.objects.values_list("status", "control", "lease_owner", "lease_until", "wake_at", "given_up_at")
        steps = StepRun.objects.values_list("execution__status", "step_id", "status", "error", "retry_at")
        raise AssertionError(f"it does not end at {self.now}: {list(rows)}, {list(steps)}, {list(Request.objects.values_list('status'))}")

    def help(self):
        """Do what people can."""
        if "pause" in self.execution.control:
            self.ask(executions.resume)
        for request in Request.objects.filter(status="pending", expires_at__gt=self.now):
            self.do(decisions.decide, request_id=request.pk, verdict=Verdict.APPROVE, digest=request.digest, reason="seen")
            self.allowed.add(request.pk)
            self.wake()
        for run in self.execution.steps.filter(status="uncertain"):
            self.answer(run, look=False)
        for run in self.execution.steps.filter(status="awaiting_input"):
            self.do(executions.update_step, execution_id=self.execution.pk, step_id=run.step_id, status="completed")

    def send_dead_letters(self):
        """What an administrator does with an execution whose worker died time and again."""
        for letter in list(deliveries.dead_letters()):
            dead_letters.send(delivery_id=letter.pk, actor=factories.SETUP, now=clock.now())
            pump.deliver(delivery_id=letter.pk, now=clock.now())

    def sweep(self):
        """Let pass the time until something is due, and have only that driven."""
        self.now += dt.timedelta(seconds=5)
        self.let_expire()
        self.lapse()
        if not due(now=self.now).exists():
            at = Execution.objects.aggregate(at=Min("wake_at"))["at"]
            self.now = max(self.now, at + dt.timedelta(seconds=1)) if at else self.now
        for row in list(due(now=self.now)):
            self.execution = row
            self.drive()
