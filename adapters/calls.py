"""Calls to the outside: intent before, result after, nothing held in between.

`intend` and `conclude` belong into the caller's transactions; `send` runs outside of any.
"""

import contextlib
import dataclasses
import datetime as dt
import functools
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.db import connection

from accounts.selectors import stops
from adapters import breakers, errors, guard, instances, limits, registry
from adapters.choices import CallPurpose, CallStatus, Mode
from adapters.contract import Action, Adapter, CallContext, looking
from adapters.models import AdapterInstance, Call
from core import canonical, clock, databases, turns
from core.actors import system
from core.errors import DomainError

log = structlog.get_logger(__name__)

OWNER = system("engine")
CONCLUDED = ("status", "output", "error", "result_digest", "finished_at")


class InTransaction(RuntimeError):
    """A call was about to be sent inside a transaction, which would hold locks while the network answers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: an output, or an error."""

    output: dict[str, Any] | None = None
    error: errors.AdapterError | None = None

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.error is None


def action_of(instance: AdapterInstance, name: str) -> Action:
    """Return an instance's action by name."""
    return registry.adapter(instance.adapter).action(name)


def draft(
    *,
    instance: AdapterInstance,
    environment: str,
    owner: tuple[str, object],
    step: str,
    action: str,
    params: Mapping[str, Any],
    key: str,
    attempt: int,
    now: dt.datetime,
    purpose: CallPurpose = CallPurpose.STEP,
) -> Call:
    """Return the record of a call that is about to be made; whoever makes it commits the record first."""
    cls = registry.adapter(instance.adapter)
    return Call(
        tenant_id=instance.tenant_id, environment=environment, owner_kind=owner[0], owner_id=str(owner[1]), step=step,
        purpose=purpose, instance=instance, adapter=instance.adapter, adapter_version=cls.version, action=action,
        effect=cls.action(action).effect, live=instance.mode == Mode.LIVE, attempt=attempt, idempotency_key=key,
        params=dict(params), params_digest=canonical.digest(params), created_at=now, started_at=now,
    )  # fmt: skip


def intend(**given: Any) -> Call:
    """Record, in the caller's transaction, that a call is about to be made, and return it; takes what `draft` takes."""
    call = draft(**given)
    call.save(force_insert=True)
    return call


def send(call: Call, *, timeout: float = 30.0, cancelled: threading.Event | None = None) -> Outcome:
    """Make the call and return what came of it. Never raises for what the vendor did; holds no transaction.

    `timeout` holds for all that the call does. A write is refused here, at the last moment, where an emergency stop
    stands, and again before each further attempt. Where `cancelled` is set meanwhile, a call that changes nothing ends at
    once, and so does one that waits between two attempts; a write that may have arrived soon after.
    """
    if connection.in_atomic_block and not getattr(connection, "_allow_calls_in_tests", False):
        raise InTransaction(InTransaction.__doc__)
    started = time.perf_counter()
    try:
        outcome = Outcome(output=_sent(call, timeout, cancelled))
    except errors.AdapterError as error:
        outcome = Outcome(error=error)
    except DomainError as error:
        outcome = Outcome(error=errors.InvalidRequest(error.sentence))
    except Exception as error:
        # Adapters come from elsewhere too: whatever one raises, the intent that is committed gets its result.
        log.exception("adapter_broke", adapter=call.adapter, action=call.action)
        outcome = Outcome(error=errors.VendorError(f"The adapter broke: {type(error).__name__}."))
    word = "ok" if outcome.error is None else outcome.error.code
    seconds = round(time.perf_counter() - started, 3)
    log.info("adapter_call", adapter=call.adapter, action=call.action, outcome=word, seconds=seconds, call=str(call.pk))
    return outcome


def _sent(call: Call, timeout: float, cancelled: threading.Event | None) -> dict[str, Any]:
    instance = call.instance
    if instance is None:
        raise errors.Unavailable("The adapter of this call is gone.")
    action = action_of(instance, call.action)
    if action.effect.is_write:
        _refuse_where_stopped(call.tenant_id)
    context = CallContext(
        instance_id=instance.pk, tenant_id=call.tenant_id, owner=(call.owner_kind, call.owner_id),
        idempotency_key=call.idempotency_key, timeout=timeout, cancelled=cancelled,
        permit=functools.partial(_refuse_where_stopped, call.tenant_id), turn=limits.of(instance),
    )  # fmt: skip
    adapter = instances.load(instance, actor=OWNER, now=clock.now())
    return _made(instance, adapter, action, adapter.validate(call.action, call.params or {}), context)


def _made(
    instance: AdapterInstance, adapter: Adapter, action: Action, params: Mapping[str, Any], context: CallContext
) -> dict[str, Any]:
    """Make a call, and return its output in the shape that the action promises. What reaches a vendor has a breaker."""

    def make() -> dict[str, Any]:
        if not adapter.local:
            databases.give_back()
        permitted = guard.permitted() if action.effect.is_write else contextlib.nullcontext()
        waiting = contextlib.nullcontext() if adapter.local else turns.given_up()
        with permitted, waiting:
            found = adapter.execute(action.name, params, context)
        return action.read(found.output)

    return make() if adapter.local else breakers.guarded(instance, make)


def _refuse_where_stopped(tenant_id: uuid.UUID) -> None:
    if stops.standing(tenant_id) is not None:
        raise errors.Stopped


def settle(call: Call, outcome: Outcome, *, now: dt.datetime) -> Call:
    """Put what came of a call into its record, in memory; `CONCLUDED` names what has to be saved."""
    call.finished_at = now
    if outcome.error is None:
        call.status, call.output, call.error = CallStatus.SUCCEEDED, outcome.output, None
        call.result_digest = canonical.digest(outcome.output)
    else:
        unknown = outcome.error.outcome_unknown and call.effect != "read"
        call.status = CallStatus.UNCERTAIN if unknown else CallStatus.FAILED
        call.error = outcome.error.to_dict()
    return call


def conclude(call: Call, outcome: Outcome, *, now: dt.datetime) -> Call:
    """Record, in the caller's transaction, what came of a call."""
    settle(call, outcome, now=now).save(update_fields=list(CONCLUDED))
    return call


def look(call: Call, *, timeout: float = 30.0) -> bool | None:
    """Return whether the write of `call` has taken effect, by looking; None where that cannot be told."""
    instance = call.instance
    if instance is None:
        return None
    action = action_of(instance, call.action)
    if not action.look:
        return None
    adapter = instances.load(instance, actor=OWNER, now=clock.now())
    params = call.params or {}
    context = CallContext(instance_id=instance.pk, tenant_id=call.tenant_id, timeout=timeout, turn=limits.of(instance))
    try:
        found = _made(instance, adapter, adapter.action(action.look), looking(adapter, action, params), context)
    except errors.AdapterError:
        log.warning("look_failed", action=action.look, call=str(call.pk), exc_info=True)
        return None
    return action.settled(found, params)


def document(
    *,
    instance: AdapterInstance,
    action: str,
    params: Mapping[str, Any],
    undo: Mapping[str, Any] | None,
    step: str,
    version_digest: str,
) -> dict[str, Any]:
    """Return the `call` part of what people approve: all that decides what is sent."""
    cls = registry.adapter(instance.adapter)
    return {
        "action": action,
        "adapter": instance.adapter,
        "adapter_version": cls.version,
        "instance": instance.name,
        "instance_id": str(instance.pk),
        "config_digest": instances.config_digest(instance),
        "live": instance.mode == Mode.LIVE,
        "params": canonical.plain(params),
        "step": step,
        "playbook_sha256": version_digest,
        "undo": canonical.plain(undo) if undo else None,
    }


def key_of(step_run_id: uuid.UUID, suffix: str = "") -> str:
    """Return the idempotency key of a step: the same for every retry."""
    return canonical.sha256(f"{step_run_id}:{suffix}".encode())[:40]
