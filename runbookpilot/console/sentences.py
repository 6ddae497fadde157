"""Entries of the journal as plain sentences. What an entry is about is looked up for all of a page at once."""

import dataclasses
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from approvals.models import Request
from audit.choices import Kind
from audit.selectors.entries import EntryView
from incidents.models import Incident
from playbooks_app.models import Execution
from runbookpilot.console import frame, places

VERDICTS = {"approve": "approved", "reject": "rejected"}
#: Giving and taking roles name the role before the person.
ROLES = {Kind.MEMBERSHIP_GRANTED: "gave the role “{}” to", Kind.MEMBERSHIP_REVOKED: "took the role “{}” from"}
#: Words in the data of an entry that name what it is about, the best first.
NAMES = ("username", "name", "playbook", "role", "technique", "title", "slug", "uri")


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """An entry, what was done, to what, where that stands, and what else is worth saying."""

    entry: EntryView
    verb: str
    about: str
    url: str
    more: str


def of(request: HttpRequest, found: list[EntryView]) -> list[Sentence]:
    """Return a sentence for each entry; three look-ups, however many there are, of what the user may read."""
    kinds: tuple[tuple[str, Any], ...] = (("approval", Request), ("execution", Execution), ("incident", Incident))
    known: dict[tuple[str, str], str] = {}
    for kind, model in kinds:
        ids = {ref for entry in found for name, ref in _refs(entry) if name == kind and _is_id(ref)}
        if ids and frame.reads_records(request):
            known |= {(kind, str(row.pk)): str(row) for row in _titled(request, model, ids)}
    return [_sentence(entry, known) for entry in found]


def _titled(request: HttpRequest, model: Any, ids: set[str]) -> QuerySet[Any]:
    rows = places.here(request).narrowed(model.objects.visible_to(frame.person(request)), environment="")
    return rows.filter(pk__in=ids).only("id", "title", *(["number"] if model is Incident else []))


def _refs(entry: EntryView) -> Iterable[tuple[str, str]]:
    yield entry.subject_kind, entry.subject_id
    kind, _, ref = entry.stream.partition(":")
    yield kind, ref
    yield from ((name, ref_id) for name, ref_id in entry.refs)


def _sentence(entry: EntryView, known: dict[tuple[str, str], str]) -> Sentence:
    verb = entry.verb
    if entry.kind == Kind.APPROVAL_VOTED:
        verb = VERDICTS.get(str(entry.data.get("verdict")), verb)
    elif entry.kind == Kind.APPROVAL_DECIDED:
        verb = f"settled as {entry.data.get('status', 'decided')}"
    elif entry.kind in ROLES:
        verb = ROLES[Kind(entry.kind)].format(str(entry.data.get("role", "")).replace("_", " "))
    kind, ref, about = next(((kind, ref, known[kind, ref]) for kind, ref in _refs(entry) if (kind, ref) in known), ("", "", ""))
    url = reverse(f"admin:{kind}", args=[ref]) if kind else ""
    step, named = str(entry.data.get("step") or ""), next((str(entry.data[name]) for name in NAMES if entry.data.get(name)), "")
    words = f"{verb} “{step}” in" if step and entry.kind.startswith(("step:", "undo:", "policy:")) else verb
    return Sentence(entry, words, about or named, url, _more(entry, bool(about)))


def _more(entry: EntryView, known: bool) -> str:
    """Return what the data adds in words of ours: a status, a version, a role, a reason, an error."""
    data, parts = entry.data, []
    for name in ("status", "version", "role", "severity", "answer", "outcome", "verdict", "error", "why", "reason"):
        value = data.get(name)
        if value and entry.kind not in (Kind.APPROVAL_VOTED, Kind.APPROVAL_DECIDED) and not (name == "role" and (entry.kind in ROLES or not known)):
            parts.append(f"{name}: {str(value).replace('_', ' ')[:200]}")
    return ", ".join(parts)


def _is_id(ref: str) -> bool:
    try:
        uuid.UUID(ref)
    except ValueError:
        return False
    return True
