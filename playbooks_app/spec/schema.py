"""The playbook format, `runbookpilot/v1`, as frozen models.

Whoever holds a `Playbook` can rely on it: `needs` and `level` of every step are resolved, durations are
timedeltas. Whether its parts fit together is for `checks`.
"""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from playbooks_app.spec import durations, graph, limits

API_VERSION = "runbookpilot/v1"


class Level(StrEnum):
    """How far a step may go by itself; they are ordered."""

    L0 = "L0"  #: A person does everything.
    L1 = "L1"  #: Reads run; writes wait for approval.
    L2 = "L2"  #: Reads run; writes are simulated and queued.


class ErrorMode(StrEnum):
    """What a failed step means for the execution."""

    HALT = "halt"
    CONTINUE = "continue"
    SKIP = "skip"


class StepKind(StrEnum):
    """What a step is."""

    ACTION = "action"
    MANUAL = "manual"
    DECISION = "decision"
    WAIT = "wait"
    PLAYBOOK = "playbook"


class OnTimeout(StrEnum):
    """What happens when nobody has decided in time."""

    HALT = "halt"
    SKIP = "skip"
    APPROVE = "approve"


class Source(StrEnum):
    """Where an alert comes from."""

    SIGMA = "sigma"
    SURICATA = "suricata"
    DETECTFORGE = "detectforge"
    ELASTIC = "elastic"
    MANUAL = "manual"
    ANY = "any"


class Enrichment(StrEnum):
    """What can be looked up before the first step."""

    GEOIP = "geoip"
    ASSETS = "assets"
    USERS = "users"
    THREAT_INTEL = "threat_intel"


class RollbackCause(StrEnum):
    """When completed writes are undone."""

    FAILURE = "failure"
    CANCEL = "cancel"
    TIMEOUT = "timeout"


class Role(StrEnum):
    """Who may be asked to approve."""

    ANALYST = "analyst"
    LEAD = "lead"
    COMPLIANCE_OFFICER = "compliance_officer"
    ADMINISTRATOR = "administrator"


class InputType(StrEnum):
    """The type of an input of a playbook."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"


class FieldType(StrEnum):
    """The type of a field in the form of a manual step."""

    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"


def _duration(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


def _only_durations(value: object) -> object:
    # The JSON mode of pydantic would read a number as seconds and an ISO 8601 text as a duration.
    if isinstance(value, dt.timedelta):
        return value
    raise durations.NotADuration("a duration has a unit")


Duration = Annotated[
    dt.timedelta,
    BeforeValidator(_only_durations),
    BeforeValidator(_duration),
    PlainSerializer(durations.render, return_type=str),
    WithJsonSchema({"type": "string", "pattern": durations.PATTERN, "examples": ["30s", "5m", "4h", "1d"]}),
]

_SLUG = r"^[a-z0-9][a-z0-9_-]*$"
_STEP_ID = r"^[a-z][a-z0-9_-]*$"
_NAME = r"^[A-Za-z_][A-Za-z0-9_-]*$"
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_SUFFIX = r"[0-9A-Za-z.-]{1,60}"
_VERSION = rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_SUFFIX})?(\+{_SUFFIX})?$"
_TECHNIQUE = r"^T[0-9]{4}(\.[0-9]{3})?$"
_DEFENCE = r"^D3-[A-Z0-9]{1,12}$"
_ACTION = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"

VERSION_EXPECTED = "a semantic version such as 1.2.0"

#: What each pattern asks for, in words.
EXPECTED_BY_PATTERN: Mapping[str, str] = {
    _SLUG: "small letters, digits, - and _, starting with a letter or digit",
    _STEP_ID: "small letters, digits, - and _, starting with a letter",
    _NAME: "letters, digits, - and _, starting with a letter",
    _VERSION: VERSION_EXPECTED,
    _TECHNIQUE: "an ATT&CK technique such as T1047 or T1059.001",
    _DEFENCE: "a D3FEND technique such as D3-NI",
    _ACTION: "CAPABILITY.ACTION such as edr.isolate_host",
}

Slug = Annotated[str, StringConstraints(pattern=_SLUG, max_length=100)]
StepId = Annotated[str, StringConstraints(pattern=_STEP_ID, max_length=64)]
Name = Annotated[str, StringConstraints(pattern=_NAME, max_length=64)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Prose = Annotated[str, StringConstraints(max_length=10_000)]
Version = Annotated[str, StringConstraints(pattern=_VERSION)]
Technique = Annotated[str, StringConstraints(pattern=_TECHNIQUE)]
Defence = Annotated[str, StringConstraints(pattern=_DEFENCE)]
ActionName = Annotated[str, StringConstraints(pattern=_ACTION, max_length=100)]
ExpressionText = Annotated[str, StringConstraints(min_length=1, max_length=limits.EXPRESSION_CHARACTERS)]
Branch = Annotated[tuple[str, ...], Field(max_length=limits.STEPS)]
Parameters = dict[str, Any]


class _Model(BaseModel):
    # Built on first use: a command that only prints its version should not wait for validators.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Metadata(_Model):
    """Who a playbook is."""

    id: Slug
    name: Line
    version: Version
    description: Prose = ""
    author: Annotated[str, StringConstraints(max_length=200)] = ""
    attack: tuple[Technique, ...] = ()
    d3fend: tuple[Defence, ...] = ()
    tags: tuple[Line, ...] = ()


class InputSpec(_Model):
    """An input besides the alert."""

    type: InputType = InputType.STRING
    required: bool = True
    default: Any = None
    description: Prose = ""

    @property
    def must_be_given(self) -> bool:
        """Whether an execution cannot start without it."""
        return self.required and "default" not in self.model_fields_set


class Trigger(_Model):
    """Which alerts start the playbook."""

    source: Source = Source.ANY
    technique: Technique | None = None
    when: ExpressionText | None = None


class ApprovalPolicy(_Model):
    """Who decides about a write, and by when."""

    approvers: Annotated[tuple[Role, ...], Field(min_length=1)] = (Role.ANALYST,)
    quorum: Annotated[int, Field(ge=1, le=20)] = 1
    four_eyes: bool = False
    timeout: Duration = dt.timedelta(minutes=5)
    on_timeout: OnTimeout = OnTimeout.HALT
    ttl: Duration = dt.timedelta(hours=24)


class StepApproval(_Model):
    """What a step overrides of the playbook's policy, field by field."""

    approvers: Annotated[tuple[Role, ...], Field(min_length=1)] | None = None
    quorum: Annotated[int, Field(ge=1, le=20)] | None = None
    four_eyes: bool | None = None
    timeout: Duration | None = None
    on_timeout: OnTimeout | None = None
    ttl: Duration | None = None

    def over(self, policy: ApprovalPolicy) -> ApprovalPolicy:
        """Return `policy` with what is given here in its place."""
        given = {name: value for name in self.model_fields_set if (value := getattr(self, name)) is not None}
        return policy.model_copy(update=given)


class RollbackPolicy(_Model):
    """When completed writes are undone without being asked; a person can always ask."""

    on: tuple[RollbackCause, ...] = ()


class Rollback(_Model):
    """What undoes a step."""

    action: ActionName
    params: Parameters = Field(default_factory=dict, alias="with")
    adapter: Slug | None = None


class Retry(_Model):
    """How often a step that failed is tried."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    backoff: Duration = dt.timedelta(seconds=1)


class FormField(_Model):
    """A field in the form of a manual step; its answer becomes part of the step's output."""

    name: Name
    label: Annotated[str, StringConstraints(max_length=200)] = ""
    type: FieldType = FieldType.STRING
    required: bool = False
    options: tuple[Line, ...] = ()
    default: Any = None
    help: Prose = ""


class Step(_Model):
    """A step. Which keys go with which kind stands in `KIND_KEYS`.

    `needs` and `level` are as resolved in a playbook: needs left out means the step before, level left out the
    playbook's.
    """

    id: StepId
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    description: Prose = ""
    kind: StepKind = StepKind.ACTION
    needs: Annotated[tuple[str, ...], Field(max_length=limits.NEEDS)] = ()
    condition: ExpressionText | None = Field(default=None, alias="if")
    timeout: Duration | None = None
    on_error: ErrorMode = ErrorMode.HALT
    level: Level = Level.L0

    action: ActionName | None = None
    params: Parameters = Field(default_factory=dict, alias="with")
    adapter: Slug | None = None
    retry: Retry | None = None
    approval: StepApproval | None = None
    rollback: Rollback | None = None
    for_each: Any = None
    loop_variable: Name = Field(default="item", alias="as")
    max_parallel: Annotated[int, Field(ge=1, le=100)] = 10

    instructions: Prose = ""
    fields: tuple[FormField, ...] = ()

    question: Prose = ""
    branches: Annotated[dict[Name, Branch], Field(max_length=limits.BRANCHES)] = Field(default_factory=dict)
    choose: ExpressionText | None = None

    duration: Duration | None = None
    until: ExpressionText | None = None
    every: Duration | None = None

    playbook: Slug | None = None

    @property
    def title(self) -> str:
        """The name, or the id where there is none."""
        return self.name or self.id


class PlaybookTest(_Model):
    """A test that runs the playbook over an alert with mocked actions."""

    name: Line
    alert: Parameters = Field(default_factory=dict)
    inputs: Parameters = Field(default_factory=dict)
    enrichment: Parameters = Field(default_factory=dict)
    mock: Parameters = Field(default_factory=dict)
    expect: dict[str, str] = Field(default_factory=dict)


class Playbook(_Model):
    """A playbook, resolved."""

    api_version: Literal["runbookpilot/v1"] = Field(alias="apiVersion")
    metadata: Metadata
    level: Level = Level.L0
    timeout: Duration | None = None
    inputs: dict[Name, InputSpec] = Field(default_factory=dict)
    enrich: tuple[Enrichment, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    approval_policy: ApprovalPolicy = Field(default_factory=ApprovalPolicy)
    rollback: RollbackPolicy = Field(default_factory=RollbackPolicy)
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=limits.STEPS)]
    outputs: Parameters = Field(default_factory=dict)
    tests: tuple[PlaybookTest, ...] = ()

    @model_validator(mode="after")
    def _resolve(self) -> "Playbook":
        # Frozen for everyone else: here the model is still being made.
        object.__setattr__(self, "steps", _resolved(self.steps, self.level))
        return self

    def step(self, step_id: str) -> Step:
        """Return the step of that id; raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def policy_for(self, step: Step) -> ApprovalPolicy:
        """Return the approval policy of a step: the playbook's with the step's overrides."""
        return step.approval.over(self.approval_policy) if step.approval else self.approval_policy


def _resolved(steps: tuple[Step, ...], level: Level) -> tuple[Step, ...]:
    """Return the steps with needs and levels filled in; a step in a branch also needs the decision."""
    resolved: list[Step] = []
    for index, step in enumerate(steps):
        update: dict[str, Any] = {}
        if "needs" not in step.model_fields_set:
            update["needs"] = (steps[index - 1].id,) if index else ()
        if "level" not in step.model_fields_set:
            update["level"] = level
        resolved.append(step.model_copy(update=update) if update else step)
    needs = graph.behind_decisions(
        {step.id: step.needs for step in resolved},
        {step.id: sorted({member for held in step.branches.values() for member in held}) for step in resolved},
    )
    return tuple(step if step.needs == needs[step.id] else step.model_copy(update={"needs": needs[step.id]}) for step in resolved)
