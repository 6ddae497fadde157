"""One entry of the journal, and what proves it: its chain, the signed checkpoint over it, and the path to its root."""

import json
import uuid
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from audit import journal
from audit.choices import Kind
from audit.journal import chain
from audit.selectors import entries, signed
from audit.services import export, proofs
from core import clock, signing
from core.errors import DomainError
from runbookpilot.console import audit, frame, sentences

#: With more entries than this the path is computed only for somebody who asks: it reads every leaf of the tree.
AT_ONCE = 20_000


@require_safe
def item(request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
    """One entry: its sentence, its canonical form, its hash, and the entries beside it."""
    row = _entry(request, entry_id)
    found = entries.view(row)
    beside = audit.rows_of(request).filter(stream=row.stream, seq__in=[row.seq - 1, row.seq + 1])
    by_number = {other.seq: other for other in beside}
    context = {
        "entry": found,
        "sentence": sentences.of(request, [found])[0],
        "canonical": json.dumps(chain.canonical_form(found), indent=2, ensure_ascii=False, sort_keys=True),
        "holds": chain.hash_of(found) == found.hash,
        "before": by_number.get(row.seq - 1),
        "after": by_number.get(row.seq + 1),
        **_proof(row.id, asked=bool(request.GET.get("proof"))),
        "linked": (by_number[row.seq - 1].hash if row.seq - 1 in by_number else chain.GENESIS) == found.prev_hash,
    }
    title = f"Entry {found.seq} of {found.stream.partition(':')[0]}"
    return frame.page(request, "audit_entry.html", context, title=title, crumbs=["System=audit", "Audit=audit"])


@require_POST
def chain_to(request: HttpRequest, entry_id: uuid.UUID) -> StreamingHttpResponse:
    """Download the chain that leads to an entry: every entry of its stream up to it, in canonical form with its hash."""
    row = _entry(request, entry_id)
    rows = entries.in_order(audit.rows_of(request).filter(stream=row.stream, seq__lte=row.seq))
    _exported(request, row, {"stream": row.stream, "until": row.seq})
    response = StreamingHttpResponse(export.json_lines(rows), content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="entry-{row.pk}.jsonl"'
    return response


@require_POST
def inclusion(request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
    """Download the proof that an entry is under a signed root, to be checked without the system."""
    row = _entry(request, entry_id)
    try:
        proof = proofs.of_entry(entry_id=entry_id)
    except DomainError as error:
        frame.tell(request, error)
        return redirect("admin:audit-entry", entry_id)
    _exported(request, row, {"proof": row.hash})
    response = HttpResponse(json.dumps(proof, indent=2), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="proof-{row.pk}.json"'
    return response


def _proof(entry_id: uuid.UUID, *, asked: bool) -> dict[str, Any]:
    """Return the first checkpoint over an entry and, where asked for or quick, the path to the newest root and whether it holds."""
    first, newest = signed.covering([entry_id]).get(entry_id), signed.latest()
    if first is None or newest is None or (newest.size > AT_ONCE and not asked):
        return {"checkpoint": first}
    proof = proofs.of_entry(entry_id=entry_id)
    return {"checkpoint": first, "proof": proof, "proved": proofs.holds(proof, signing.public_keys())}


def _exported(request: HttpRequest, row: Any, data: dict[str, object]) -> None:
    with transaction.atomic():
        journal.append(
            stream=f"tenant:{row.tenant_id}" if row.tenant_id else "deployment", kind=Kind.AUDIT_EXPORTED,
            actor=frame.person(request).actor(), now=clock.now(), subject=("entry", row.pk), tenant_id=row.tenant_id, data=data,
        )  # fmt: skip


def _entry(request: HttpRequest, entry_id: uuid.UUID) -> Any:
    return frame.visible_in(audit.rows_of(request), entry_id)
