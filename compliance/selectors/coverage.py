"""Whether each control is proved, as of any moment, with the reasons in words. The number of queries does not grow."""

import dataclasses
import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from accounts.models import Environment
from compliance.choices import BundleStatus, CoverageState
from compliance.models import Control, ControlEvidence, ControlException, Framework, Mapping
from compliance.selectors import mappings
from core.plurals import counted
from playbooks_app.models import Playbook

SOON = dt.timedelta(days=30)


@dataclasses.dataclass(frozen=True, slots=True)
class Newest:
    """The newest evidence of a control: its bundle, the moment it speaks of, whether it passed."""

    bundle_id: uuid.UUID
    title: str
    effective_at: dt.datetime
    passed: bool | None


@dataclasses.dataclass(frozen=True, slots=True)
class Coverage:
    """How a control stands. `newest` is the newest evidence, `valid_until` when what proves it goes stale."""

    control: Control
    state: CoverageState
    reasons: tuple[str, ...]
    playbooks: tuple[str, ...]
    newest: Newest | None
    newest_pass: Newest | None
    valid_until: dt.datetime | None
    stale_soon: bool


def coverage(
    tenant_id: uuid.UUID, framework: Framework, as_of: dt.datetime, environment: Environment | None = None
) -> list[Coverage]:
    """Return how each control of `framework` stands for a tenant `as_of` a moment, in the catalogue's order."""
    rows: QuerySet[Control] = Control.objects.filter(tenant_id=tenant_id, framework=framework)
    controls = list(rows.select_related("owner").defer("text").order_by("position", "id"))
    mapped, excepted = _mapped(framework, as_of, environment), _excepted(framework, as_of)
    proofs = _proofs(framework, as_of, environment)
    return [
        _judge(control, mapped.get(control.pk, []), excepted.get(control.pk), proofs.get(control.pk, []), as_of)
        for control in controls
    ]


def by_family(rows: Iterable[Coverage]) -> dict[str, Counter[str]]:
    """Return for each family how many of its controls stand how, for a heat map."""
    families: dict[str, Counter[str]] = {}
    for row in rows:
        families.setdefault(row.control.family, Counter())[row.state] += 1
    return families


def gaps(rows: Iterable[Coverage]) -> list[Coverage]:
    """Return what needs somebody: failing, then stale, then uncovered, then what goes stale within 30 days."""
    order = [CoverageState.FAILING, CoverageState.STALE, CoverageState.UNCOVERED, CoverageState.COVERED]
    needed = [row for row in rows if row.state in order[:3] or row.stale_soon]
    return sorted(needed, key=lambda row: order.index(row.state))


def serving_nothing(tenant_id: uuid.UUID, as_of: dt.datetime) -> "QuerySet[Playbook]":
    """Return the tenant's playbooks that served no control `as_of` a moment."""
    serving = Mapping.objects.filter(mappings.standing(as_of), tenant_id=tenant_id).values("playbook_id")
    rows: QuerySet[Playbook] = Playbook.objects.filter(tenant_id=tenant_id, created_at__lte=as_of).exclude(id__in=serving)
    return rows.order_by("slug")


def _mapped(framework: Framework, as_of: dt.datetime, environment: Environment | None) -> dict[uuid.UUID, list[str]]:
    here = Q(environment=None) | Q(environment=environment) if environment else Q()
    rows = Mapping.objects.filter(here, mappings.standing(as_of), control__framework=framework)
    found: dict[uuid.UUID, list[str]] = defaultdict(list)
    for control_id, slug in rows.order_by("playbook__slug").values_list("control_id", "playbook__slug").distinct():
        found[control_id].append(slug)
    return found


def _excepted(framework: Framework, as_of: dt.datetime) -> dict[uuid.UUID, ControlException]:
    rows = ControlException.objects.filter(mappings.standing(as_of), control__framework=framework)
    return {row.control_id: row for row in rows.order_by("valid_until")}


def _proofs(framework: Framework, as_of: dt.datetime, environment: Environment | None) -> dict[uuid.UUID, list[Newest]]:
    """Return for each control its newest passing, failing and unchecked evidence, newest first, as known `as_of`."""
    rows = ControlEvidence.objects.filter(
        control__framework=framework, effective_at__lte=as_of, bundle__sealed_at__lte=as_of,
    ).exclude(bundle__status=BundleStatus.OPEN)
    rows = rows.exclude(bundle__superseded_by__sealed_at__lte=as_of)
    if environment:
        rows = rows.filter(Q(bundle__environment=environment) | Q(bundle__environment=None))
    rank = Window(
        RowNumber(), partition_by=[F("control_id"), F("passed")], order_by=[F("effective_at").desc(), F("bundle_id").desc()]
    )
    newest = rows.annotate(rank=rank).filter(rank=1).order_by("-effective_at", "-bundle_id")
    found: dict[uuid.UUID, list[Newest]] = defaultdict(list)
    for control_id, bundle_id, title, at, passed in newest.values_list(
        "control_id", "bundle_id", "bundle__title", "effective_at", "passed"
    ):
        found[control_id].append(Newest(bundle_id, title, at, passed))
    return found


def _judge(
    control: Control, playbooks: Sequence[str], exception: ControlException | None, proofs: Sequence[Newest], as_of: dt.datetime
) -> Coverage:
    passing = next((proof for proof in proofs if proof.passed), None)
    valid_until = passing.effective_at + dt.timedelta(days=control.freshness_days) if passing else None
    state, reasons = _state(control, playbooks, proofs, passing, as_of)
    if exception and state != CoverageState.COVERED and state != CoverageState.NOT_APPLICABLE:
        accepted = f"{exception.accepted_by} accepted the risk until {exception.valid_until:%Y-%m-%d}: {exception.reason}"
        state, reasons = CoverageState.EXCEPTED, [accepted, *reasons]
    soon = state == CoverageState.COVERED and valid_until is not None and valid_until <= as_of + SOON
    return Coverage(
        control, state, tuple(reasons), tuple(playbooks), proofs[0] if proofs else None, passing, valid_until, soon
    )


def _state(
    control: Control, playbooks: Sequence[str], proofs: Sequence[Newest], passing: Newest | None, as_of: dt.datetime
) -> tuple[CoverageState, list[str]]:
    """Return the first state that applies, and why; unchecked evidence is never a pass and never a failure."""
    if not control.applicable:
        return CoverageState.NOT_APPLICABLE, [control.applicability_reason or "It does not apply."]
    if not playbooks:
        return CoverageState.UNCOVERED, [_unmapped(proofs)]
    workflows = f"Served by {', '.join(playbooks)}."
    checked = next((proof for proof in proofs if proof.passed is not None), None)
    if checked is None:
        nothing = "Nothing has been proved yet." if not proofs else "What ran was ended before it could prove anything."
        return CoverageState.UNCOVERED, [workflows, nothing]
    if not checked.passed or passing is None:
        return CoverageState.FAILING, [workflows, f"The newest evidence, of {checked.effective_at:%Y-%m-%d}, did not pass: {checked.title}."]
    until = passing.effective_at + dt.timedelta(days=control.freshness_days)
    proof = f"Last proved on {passing.effective_at:%Y-%m-%d}: {passing.title}."
    if until <= as_of:
        return CoverageState.STALE, [workflows, proof, f"That was valid for {counted(control.freshness_days, 'day')}, until {until:%Y-%m-%d}."]
    return CoverageState.COVERED, [workflows, proof, f"Valid until {until:%Y-%m-%d}."]


def _unmapped(proofs: Sequence[Newest]) -> str:
    return "No workflow is mapped to it" + (", though there is evidence." if proofs else ".")
