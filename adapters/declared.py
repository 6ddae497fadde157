"""Instances that an operator declares in a file or the environment: checked all at once, and read-only in the console.

The file is YAML: a list of declarations. A name of the environment says one thing of one instance, and wins over the file:
`RUNBOOKPILOT_ADAPTER__TENANT__ENVIRONMENT__NAME__ADAPTER`, and likewise `MODE`, `RATE`, `ENABLED`, `CONFIG__field` and
`SECRET__field`. There, a dash of a tenant, an environment or an instance is an underscore.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from accounts.models import Environment
from adapters import instances, registry
from adapters.choices import Mode
from adapters.models import AdapterInstance
from core.actors import Actor
from core.errors import DomainError, Invalid

MOST_BYTES = 1 << 20
PREFIX = "RUNBOOKPILOT_ADAPTER__"
Key = tuple[str, str, str]


class WrongDeclarations(Invalid):
    """The declared adapters are not valid."""

    code = "wrong_declarations"


class Declaration(BaseModel):
    """An instance as an operator declares it. A secret may stand in a file of its own: `{"file": "/run/secrets/key"}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str
    environment: str = "production"
    name: str = Field(pattern=r"^[-a-zA-Z0-9_]{1,64}$")
    adapter: str
    mode: Mode | None = None
    rate: str = ""
    enabled: bool = True
    config: dict[str, Any] = {}
    secrets: dict[str, SecretStr] = {}

    @property
    def label(self) -> str:
        """How problems name it."""
        return f"{self.tenant}/{self.environment}/{self.name}"

    @property
    def given(self) -> dict[str, Any]:
        """What an instance is made of."""
        secrets = {name: value.get_secret_value() for name, value in self.secrets.items()}
        return {"config": self.config, "secrets": secrets, "mode": self.mode, "rate": self.rate}


@dataclasses.dataclass(frozen=True, slots=True)
class Applied:
    """The names of the instances that were made, changed and let go."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    released: tuple[str, ...]


def read(*, file: Path | None, environ: Mapping[str, str]) -> list[Declaration]:
    """Return what is declared; raises WrongDeclarations that names every problem, and no secret."""
    problems: list[str] = []
    rows = _from_file(file, problems) if file else {}
    _from_environment(environ, rows, problems)
    found = [row for key, raw in rows.items() if (row := _declaration("/".join(key), raw, problems))]
    if problems:
        raise WrongDeclarations("\n".join(["The declared adapters are not valid:", *(f"  {problem}" for problem in problems)]))
    return found


def apply(*, declarations: list[Declaration], actor: Actor, now: dt.datetime, check: bool = False) -> Applied:
    """Make and change instances as declared, and let go those that no longer are: they stay, disabled, for administrators.

    All or nothing: raises WrongDeclarations that names every problem. With `check` nothing is changed.
    """
    environments = {
        (_word(row.tenant.slug), _word(row.slug)): row for row in Environment.objects.select_related("tenant").all()
    }
    known = {(row.environment_id, row.name): row for row in AdapterInstance.objects.select_related("environment")}
    problems = [f"{item.label}: {why}" for item in declarations for why in _problems(item, environments, known)]
    if problems:
        raise WrongDeclarations("\n".join(["The declared adapters are not valid:", *(f"  {problem}" for problem in problems)]))
    created, changed, kept = [], [], set()
    with transaction.atomic():
        for item in declarations:
            environment = environments[_word(item.tenant), _word(item.environment)]
            row = known.get((environment.pk, item.name))
            kept.add((environment.pk, item.name))
            if row is None:
                created.append(item.label)
                if not check:
                    _create(item, environment, actor, now)
            elif not _same(row, item):
                changed.append(item.label)
                if not check:
                    instances.change(instance=row, **item.given, enabled=item.enabled, declared=True, actor=actor, now=now)
        gone = [row for key, row in known.items() if row.declared and key not in kept]
        for row in gone if not check else ():
            instances.release(instance=row, actor=actor, now=now)
    return Applied(tuple(created), tuple(changed), tuple(row.name for row in gone))


def _create(item: Declaration, environment: Environment, actor: Actor, now: dt.datetime) -> None:
    row = instances.create(
        environment=environment, adapter=item.adapter, name=item.name, **item.given, declared=True, actor=actor, now=now
    )
    if not item.enabled:
        instances.change(instance=row, enabled=False, declared=True, actor=actor, now=now)


def _same(row: AdapterInstance, item: Declaration) -> bool:
    """Return whether an instance is as declared; secrets are compared where nobody sees them."""
    mode = item.mode or registry.adapter(item.adapter).modes[0]
    secrets = item.given["secrets"] or None
    return (row.config, row.secrets or None, row.mode, row.rate, row.enabled) == (item.config, secrets, mode, item.rate, item.enabled)


def _problems(
    item: Declaration, environments: Mapping[tuple[str, str], Environment], known: Mapping[tuple[Any, str], AdapterInstance]
) -> Iterator[str]:
    environment = environments.get((_word(item.tenant), _word(item.environment)))
    if environment is None:
        yield "there is no such tenant with such an environment."
    row = known.get((environment.pk, item.name)) if environment else None
    if row is not None and not row.declared:
        yield "an administrator made an instance of this name: take another."
    elif row is not None and row.adapter != item.adapter:
        yield f"it is a {row.adapter} already: give the {item.adapter} another name."
    try:
        instances.validate(adapter=item.adapter, **item.given)
    except DomainError as error:
        yield error.sentence + "".join(f" {name}: {why}." for name, why in error.fields.items())


def _declaration(label: str, raw: dict[str, Any], problems: list[str]) -> Declaration | None:
    secrets = raw.get("secrets")
    if isinstance(secrets, dict):
        raw["secrets"] = {name: _secret(f"{label}: secrets.{name}", value, problems) for name, value in secrets.items()}
    try:
        return Declaration.model_validate(raw)
    except ValidationError as error:
        problems += [f"{label}: {'.'.join(map(str, item['loc']))}: {item['msg']}." for item in error.errors()]
        return None


def _secret(label: str, value: Any, problems: list[str]) -> Any:
    if not (isinstance(value, dict) and set(value) == {"file"}):
        return value
    try:
        return Path(str(value["file"])).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        problems.append(f"{label}: the file cannot be read ({type(error).__name__}).")
        return ""


def _from_file(file: Path, problems: list[str]) -> dict[Key, dict[str, Any]]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError("it is too large")
        listed = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    except (OSError, ValueError, yaml.YAMLError) as error:
        where = getattr(error, "problem_mark", None)
        problems.append(f"{file}: it cannot be read ({type(error).__name__}{f', line {where.line + 1}' if where else ''}).")
        return {}
    if not (isinstance(listed, list) and all(isinstance(raw, dict) for raw in listed)):
        problems.append(f"{file}: it must be a list of declarations.")
        return {}
    rows: dict[Key, dict[str, Any]] = {}
    for raw in listed:
        key = (_word(raw.get("tenant", "")), _word(raw.get("environment", "production")), _word(raw.get("name", "")))
        if key in rows:
            problems.append(f"{'/'.join(key)}: it is declared twice.")
        rows[key] = dict(raw)
    return rows


def _from_environment(environ: Mapping[str, str], rows: dict[Key, dict[str, Any]], problems: list[str]) -> None:
    for name, value in sorted(environ.items()):
        parts = name.removeprefix(PREFIX).split("__")
        field = parts[3].lower() if len(parts) > 3 else ""
        group = {"config": "config", "secret": "secrets"}.get(field)
        if len(parts) != (5 if group else 4) or (group is None and field not in ("adapter", "mode", "rate", "enabled")):
            problems.append(f"{name}: it names no field of an instance. For example {PREFIX}ACME__PRODUCTION__HOOK__ADAPTER=webhook")
            continue
        tenant, environment, instance = map(_word, parts[:3])
        raw = rows.setdefault((tenant, environment, instance), {"tenant": tenant, "environment": environment, "name": instance})
        if group is None:
            raw[field] = value
        else:
            inner = raw.get(group)
            raw[group] = {**(inner if isinstance(inner, dict) else {}), parts[4].lower(): _value(value) if group == "config" else value}


def _value(text: str) -> Any:
    """Return a list or an object where one is given as JSON; anything else as it stands, for the adapter's own types."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _word(text: object) -> str:
    return str(text).lower().replace("_", "-")
