"""Settings, permissions, events and errors, each from the table that the program itself reads."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import TypeVar

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from accounts.choices import DECIDES_AS, ROLE_PERMISSIONS, Permission, Role
from adapters.errors import AdapterError
from audit.choices import Kind
from core.errors import DomainError
from runbookpilot import environment, wiring
from scripts.reference import markdown

APPS = ("core", "audit", "accounts", "entities", "adapters", "approvals", "incidents", "playbooks_app", "compliance", "runbookpilot")
T = TypeVar("T")
#: What doors of their own start, and what only a settings module may import.
_NOT_IMPORTED = ("runbookpilot.asgi", "runbookpilot.settings", "runbookpilot.worker", "runbookpilot.ticker")


def settings() -> str:
    """Every setting, from the model that reads them."""
    rows = [
        (markdown.code(environment.PREFIX + name.upper()), field.description, _kind(field), markdown.code(_default(field)) or "none",
         markdown.code((field.examples or [""])[0]))
        for name, field in environment.Settings.model_fields.items()
    ]  # fmt: skip
    return markdown.page(
        "Settings",
        "Settings come from the environment, or from an `.env` file in the working folder (`ENV_FILE` names another); the"
        " environment wins. They are checked at the start: every problem is named at once, and so is a name that does not"
        " exist. `runbookpilot settings` shows those in force, secrets never; `runbookpilot settings --example` prints a file"
        " to start from.",
        markdown.table(["Name", "What", "Kind", "Left out", "Example"], rows),
    )


def _kind(field: FieldInfo) -> str:
    annotation = field.annotation
    arguments = getattr(annotation, "__args__", ())
    if arguments and all(isinstance(item, str) for item in arguments):
        return " or ".join(f"`{item}`" for item in arguments)
    if getattr(annotation, "__origin__", None) is list:
        return "names, separated by commas" if str in arguments else "secrets, separated by commas"
    words = {"bool": "`true` or `false`", "int": "whole number", "str": "text", "Path": "folder", "SecretStr": "secret"}
    return words[getattr(annotation, "__name__", "str")]


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def permissions() -> str:
    """Which role may do what, from the table that every door asks."""
    roles = list(Role)
    rows = [
        [permission.label, markdown.code(permission.value), *("yes" if permission in ROLE_PERMISSIONS[role] else "" for role in roles)]
        for permission in Permission
    ]
    decides = [[markdown.code(role), markdown.code(needed)] for role, needed in sorted(DECIDES_AS.items())]
    return markdown.page(
        "Roles and permissions",
        "A membership gives a person a role in a tenant. The console, REST and the command line ask the same function, so a"
        " person may do the same everywhere. A superuser of the deployment may do all in every tenant. A token that is limited"
        " to scopes (the permissions' names below) may do no more than these.",
        markdown.table(["Permission", "Name", *(str(role.label) for role in roles)], rows),
        "## Who decides approvals",
        "A request names the roles that may decide it. Deciding it needs the permission that belongs to one of them. Four eyes,"
        " a quorum and the rule that nobody votes twice hold besides.",
        markdown.table(["Asked of", "Needs"], decides),
    )


def events() -> str:
    """Every kind of journal entry, with the tasks that it wakes."""
    rows = [(markdown.code(kind.value), f"*somebody* {kind.label}", markdown.code(*wiring.HANDLERS.get(kind, ()))) for kind in Kind]
    return markdown.page(
        "Events",
        "Everything that changes is one entry of the journal, in the transaction of the change. Each entry has a stream, a"
        " number without gaps, who did it, when, in which tenant, the subject, and the hash of the entry before it. Entries"
        " hold ids and digests, never the content of alerts and never a secret. A kind that is not listed here cannot be"
        " written.",
        markdown.table(["Kind", "Reads as", "Wakes"], rows),
    )


def errors() -> str:
    """Every code that REST or the command line answers with, and what adapters report."""
    found = sorted({(cls.code, cls.http_status, _sentence(cls)) for cls in domain_errors()})
    vendor = sorted({(cls.code, _sentence(cls), cls.permanent, cls.outcome_unknown, cls.hint) for cls in _below(AdapterError)})
    return markdown.page(
        "Errors",
        "REST answers errors as problem documents (RFC 9457, `application/problem+json`):",
        '```json\n{"type": "about:blank#stale", "title": "Stale", "status": 409, "code": "stale",\n'
        ' "detail": "What you saw is no longer what would be done: reload and decide again.", "trace_id": "…"}\n```',
        "`code` is stable and for programs, `detail` is for people, `hint` says what to do where there is more to say, and"
        " `fields` names each wrong field. `trace_id` finds the log lines. The command line prints the same sentence on one"
        " line and ends with exit code 1, or 2 where it was called wrongly.",
        markdown.table(["Code", "Status", "Sentence"], [(markdown.code(code), status, text) for code, status, text in found]),
        "The framework adds `parse_error` (400), `authentication_failed` (401), `permission_denied` (403), `method_not_allowed`"
        " (405), `not_acceptable` (406), `unsupported_media_type` (415) and `throttled` (429, with `Retry-After`).",
        "## What adapters report",
        "A step or call that failed keeps one of these. *Outcome unknown* means that the vendor may have carried it out all the"
        " same: such a write is never repeated by itself, and a person says what happened.",
        markdown.table(
            ["Code", "Sentence", "Trying again helps", "Outcome unknown", "What to do"],
            [(markdown.code(code), text, "" if permanent else "yes", "yes" if unknown else "", hint)
             for code, text, permanent, unknown, hint in vendor],
        ),
    )  # fmt: skip


def domain_errors() -> set[type[DomainError]]:
    """Return every error of the project that a person or program is told about."""
    for app in APPS:
        for module in pkgutil.walk_packages(importlib.import_module(app).__path__, f"{app}."):
            if not module.name.startswith(_NOT_IMPORTED) and ".migrations" not in module.name:
                importlib.import_module(module.name)
    return {cls for cls in _below(DomainError) if cls.__module__.split(".")[0] in APPS}


def _below(cls: type[T]) -> Iterator[type[T]]:
    for below in cls.__subclasses__():
        yield below
        yield from _below(below)


def _sentence(cls: type) -> str:
    return (cls.__doc__ or "").strip().split("\n")[0]


