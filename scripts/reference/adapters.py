"""Adapters, their settings and their actions, from the registry."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from adapters import registry
from adapters.choices import Effect
from adapters.contract import Action, Adapter
from playbooks_app.services import playbooks
from scripts.reference import markdown

WORDS = {Effect.READ: "read", Effect.REVERSIBLE: "reversible write", Effect.IRREVERSIBLE: "irreversible write"}


def page() -> str:
    """Every built-in adapter, and every action by capability."""
    own = registry.own().values()
    found = [cls for _, cls in sorted(registry.adapters().items()) if cls.__module__.startswith("adapters.") or cls in own]
    return markdown.page(
        "Adapters and actions",
        "An adapter is one vendor's dialect of one capability. An *instance* is an adapter with its settings in one environment;"
        " `runbookpilot adapters list` shows them. The class says which modes its instances may have: a mock never reaches a vendor,"
        " and what reaches one is never shown as a mock. Other packages bring adapters under the entry point"
        f" `{registry.ENTRY_POINTS}`.",
        markdown.table(
            ["Adapter", "Vendor", "Version", "Modes", "Capabilities", "Settings"],
            [(markdown.code(cls.name), cls.vendor, cls.version, markdown.code(*cls.modes), markdown.code(*sorted(cls.capabilities())),
              _settings(cls)) for cls in found],
        ),
        "## Actions",
        "A playbook names an action as `capability.action`. The effect decides what happens at each level: reads run from L1 on,"
        " writes ask first at L1 and are rehearsed at L2. A write that is *repeatable* may be sent again after an unclear answer;"
        " any other becomes uncertain.",
        *_actions(found),
    )  # fmt: skip


def actions() -> str:
    """Every action as playbooks are checked against it, as JSON."""
    rows = [dataclasses.asdict(info) for _, info in sorted(playbooks.catalogue().items())]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _settings(cls: type[Adapter]) -> str:
    fields = cls.Config.model_fields
    return ", ".join(
        f"`{name}`" + (" (required)" if field.is_required() else "") + (" (secret)" if SecretStr in _types(field.annotation) else "")
        for name, field in fields.items()
    )


def _types(annotation: Any) -> set[Any]:
    return {annotation, *getattr(annotation, "__args__", ())}


def _actions(found: list[type[Adapter]]) -> list[str]:
    served: dict[str, tuple[Action, list[str]]] = {}
    for cls in found:
        for action in cls.actions:
            served.setdefault(action.name, (action, []))[1].append(cls.name)
    parts = []
    for capability in sorted({name.split(".")[0] for name in served}):
        rows = [_row(action, by) for name, (action, by) in sorted(served.items()) if name.split(".")[0] == capability]
        parts += [f"### {capability}", markdown.table(["Action", "Effect", "Parameters", "Undone by", "Repeatable", "Served by"], rows)]
    return parts


def _row(action: Action, by: list[str]) -> tuple[str, ...]:
    effect = WORDS[registry.actions()[action.name].effect] + (", a notification" if action.notification else "")
    return (
        markdown.code(action.name), effect, _parameters(action.params.model_json_schema()), markdown.code(action.undo),
        "yes" if action.repeatable else "no", markdown.code(*sorted(by)),
    )  # fmt: skip


def _parameters(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    return ", ".join(f"`{name}`" + ("" if name in required else " (optional)") for name in schema.get("properties", {})) or "none"
