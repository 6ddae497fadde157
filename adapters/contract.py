"""The contract between the system and an adapter: actions with typed parameters and results, and six methods."""

import abc
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.choices import Effect, Mode
from adapters.errors import AdapterError, Cancelled, InvalidRequest, WrongAnswer
from core import canonical

#: How many wrong fields of an answer are named.
MOST_NAMED = 10


class Parameters(BaseModel):
    """Base of an action's parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=65_536)


class Result(BaseModel):
    """Base of an action's result: a vendor may answer more than it declares."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What an adapter can do.

    `effect` left out counts as irreversible. `look` names a read that tells whether the write has taken effect; `settled`
    says so from its output and the write's parameters. `undo` names the action that takes the write back with the same
    parameters, unless `undo_params` says otherwise. `predict` gives the output that a dry run shows.
    """

    name: str
    params: type[Parameters]
    result: type[Result]
    effect: Effect = Effect.IRREVERSIBLE
    idempotent: bool = False
    takes_key: bool = False
    notification: bool = False
    target: str = ""
    look: str = ""
    settled: Callable[[Mapping[str, Any], Mapping[str, Any]], bool | None] = lambda _output, _params: None
    undo: str = ""
    predict: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _params: {}
    verb: str = ""

    @property
    def repeatable(self) -> bool:
        """Whether a call whose outcome is unknown may be made again."""
        return not self.effect.is_write or self.idempotent or self.takes_key

    def read(self, output: Mapping[str, Any]) -> dict[str, Any]:
        """Return a vendor's output as plain JSON; raises WrongAnswer that names what the declared result misses in it."""
        try:
            self.result.model_validate(output)
            plain: Any = canonical.plain(output)
            return dict(plain)
        except ValidationError as error:
            found = error.errors()[:MOST_NAMED]
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))[:80] or 'the whole'}: {item['msg']}" for item in found)
        except (ValueError, TypeError, RecursionError) as error:
            wrong = f"it is no plain JSON ({type(error).__name__})"
        raise WrongAnswer(f"{self.name} answered in another shape than it promises: {wrong}", write=self.effect.is_write)

    def target_of(self, params: Mapping[str, Any]) -> str:
        """Return what the action is aimed at, in words."""
        return str(params.get(self.target, "")) if self.target else ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """What a call comes with besides its parameters. `owner` says for whom it is made: a kind and an id.

    `timeout` counts from `started`, a moment of the monotonic clock, and holds for all that the call does. `permit` is
    asked before each attempt of a write, and raises where it may not leave any more; `turn` before each request, and
    waits where the instance has a rate limit. A thread that an adapter starts runs in a copy of the call's context
    (`contextvars.copy_context().run`): without it, it may not write.
    """

    instance_id: Any
    tenant_id: Any
    owner: tuple[str, str] = ("", "")
    idempotency_key: str = ""
    timeout: float = 30.0
    cancelled: threading.Event | None = None
    permit: Callable[[], None] = lambda: None
    turn: Callable[["CallContext"], None] = lambda _call: None
    started: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """The seconds that the call may still take; 0 or less when its time is over."""
        return self.started + self.timeout - time.monotonic()

    def check(self) -> None:
        """Raise Cancelled where the execution was cancelled meanwhile."""
        if self.cancelled is not None and self.cancelled.is_set():
            raise Cancelled

    def pause(self, seconds: float) -> None:
        """Sleep between two attempts; raises Cancelled where the execution was cancelled meanwhile."""
        if self.cancelled is None:
            time.sleep(seconds)
        elif self.cancelled.wait(seconds):
            raise Cancelled


@dataclasses.dataclass(frozen=True, slots=True)
class ExecutionResult:
    """What came of a call that was made."""

    output: dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """What would come of a call that was not made."""

    action: str
    params: Mapping[str, Any]
    would_execute: bool
    findings: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    output: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """The answer of a connection check."""

    healthy: bool
    detail: str


class Adapter(abc.ABC):
    """One vendor's dialect of one capability. Instances are made per call and keep nothing."""

    name: ClassVar[str]
    version: ClassVar[str] = "1.0.0"
    vendor: ClassVar[str]
    actions: ClassVar[tuple[Action, ...]]
    #: The modes that an instance may have: a mock never reaches a vendor, and what reaches one is never called a mock.
    modes: ClassVar[tuple[Mode, ...]] = (Mode.LIVE,)
    #: Whether it answers from this process and its database: then the connection is kept during the call.
    local: ClassVar[bool] = False

    class Config(Parameters):
        """What an instance is configured with; secrets are `SecretStr`."""

    def __init__(self, config: BaseModel, *, live: bool) -> None:
        self.config = config
        self.live = live

    @classmethod
    def action(cls, name: str) -> Action:
        """Return the action of this name; raises KeyError."""
        return {action.name: action for action in cls.actions}[name]

    @classmethod
    def capabilities(cls) -> frozenset[str]:
        """Return the capabilities that this adapter serves, such as `edr`."""
        return frozenset(action.name.split(".")[0] for action in cls.actions)

    def validate(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return `params` in the action's shape; raises InvalidRequest that names each wrong one."""
        try:
            return self.action(name).params.model_validate(params).model_dump(mode="json", exclude_none=True)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc'])) or name}: {item['msg']}" for item in error.errors())
            raise InvalidRequest(f"{name}: {wrong}") from error

    @abc.abstractmethod
    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        """Make the call; raises an AdapterError."""

    def simulate(self, name: str, params: Mapping[str, Any], context: CallContext) -> SimulationResult:
        """Return what the call would do. Sends no write; looks where the action can look."""
        action = self.action(name)
        before = self.execute(action.look, _looking(self, action, params), context).output if action.look else None
        predicted = action.predict(params)
        done = bool(before is not None and action.settled(before, params))
        findings = ("It has taken effect already.",) if done else ()
        after = {**before, **predicted} if before is not None else predicted
        return SimulationResult(
            action=name,
            params=dict(params),
            would_execute=not done,
            findings=findings,
            before=before,
            after=after,
            output=predicted,
        )

    def foresee(self, name: str, params: Mapping[str, Any], error: AdapterError) -> SimulationResult:
        """Return what the call would do where looking failed with `error`: the prediction, compared with nothing."""
        predicted = self.action(name).predict(params)
        finding = f"The state before is not known: {error.message}"
        return SimulationResult(
            action=name, params=dict(params), would_execute=True, findings=(finding,), before=None, after=predicted, output=predicted
        )

    @abc.abstractmethod
    def health_check(self, context: CallContext) -> Health:
        """Return whether the vendor answers and accepts the credentials."""


def looking(adapter: Adapter, action: Action, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an action's look: those that both take."""
    return _looking(adapter, action, params)


def _looking(adapter: Adapter, action: Action, params: Mapping[str, Any]) -> dict[str, Any]:
    taken = adapter.action(action.look).params.model_fields
    return {name: value for name, value in params.items() if name in taken}
