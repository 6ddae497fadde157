"""The base of every mock adapter: scripted answers, and a durable record of each write, as a vendor would keep one."""

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import F, Q

from adapters import errors, guard
from adapters.choices import Mode
from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health
from adapters.models import MockCall, MockScript

#: (parameters, the writes recorded so far on the same target, newest first) -> the answer.
Answer = Callable[[Mapping[str, Any], list[MockCall]], dict[str, Any]]
MOST_REMEMBERED = 50


def keyed(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Return `actions` as the mock has them: a write that cannot be looked up takes an idempotency key."""
    return tuple(
        dataclasses.replace(action, takes_key=True) if action.effect.is_write and not action.look else action
        for action in actions
    )


class MockAdapter(Adapter):
    """Answers from its scripts, else from its table. A write is recorded once per idempotency key."""

    vendor = "Mock"
    modes = (Mode.MOCK,)
    local = True
    answers: ClassVar[Mapping[str, Answer]] = {}

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        action = self.action(name)
        if action.effect.is_write:
            guard.write(name)
        script = _script(context.instance_id, name, params)
        if script is not None:
            context.pause(min(script.latency_ms / 1000, context.timeout))
            if script.latency_ms / 1000 > context.timeout:
                raise errors.CallTimeout
            if script.error:
                raise errors.BY_CODE.get(script.error, errors.VendorError)(f"The mock was told to answer {script.error}.")
        if not action.effect.is_write:
            return ExecutionResult(self._answer(action, params, context, script))
        return ExecutionResult(self._record(action, params, context, script))

    def health_check(self, context: CallContext) -> Health:
        return Health(True, "The mock answers.")

    def _answer(
        self, action: Action, params: Mapping[str, Any], context: CallContext, script: MockScript | None
    ) -> dict[str, Any]:
        if script is not None and script.output is not None:
            return dict(script.output)
        target = action.target_of(params)
        log = list(MockCall.objects.filter(instance=context.instance_id, target=target).order_by("-id")[:MOST_REMEMBERED])
        answer = self.answers.get(action.name)
        return answer(params, log) if answer else {**params, **action.predict(params)}

    def _record(
        self, action: Action, params: Mapping[str, Any], context: CallContext, script: MockScript | None
    ) -> dict[str, Any]:
        with transaction.atomic():
            known = action.takes_key and context.idempotency_key and _known(context, action.name)
            if known:
                return dict(known.output)
            output = self._answer(action, params, context, script)
            MockCall.objects.create(
                instance_id=context.instance_id,
                action=action.name,
                params=dict(params),
                target=action.target_of(params),
                idempotency_key=context.idempotency_key,
                output=output,
            )
        return output


def fake_id(prefix: str) -> str:
    """Return an identifier such as a vendor would give."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def _known(context: CallContext, action: str) -> MockCall | None:
    return MockCall.objects.filter(instance=context.instance_id, action=action, idempotency_key=context.idempotency_key).first()


def _script(instance_id: Any, action: str, params: Mapping[str, Any]) -> MockScript | None:
    usable = Q(remaining__isnull=True) | Q(remaining__gt=0)
    for script in MockScript.objects.filter(usable, instance=instance_id, action=action).order_by("id"):
        if all(params.get(name) == value for name, value in script.when.items()):
            MockScript.objects.filter(pk=script.pk, remaining__gt=0).update(remaining=F("remaining") - 1)
            return script
    return None
