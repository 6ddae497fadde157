"""Mean times to detect, acknowledge, mitigate and resolve."""

import dataclasses

from django.db.models import Avg, DurationField, ExpressionWrapper, F, QuerySet

from incidents.models import Incident

#: From which key time to which each mean runs.
SPANS = {
    "mttd": ("occurred_at", "detected_at"),
    "mtta": ("declared_at", "acknowledged_at"),
    "mttm": ("declared_at", "mitigated_at"),
    "mttr": ("declared_at", "resolved_at"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Times:
    """Seconds, or None where no incident has both times."""

    mttd: float | None
    mtta: float | None
    mttm: float | None
    mttr: float | None


def means(rows: QuerySet[Incident]) -> Times:
    """Return the mean times over `rows`, which the caller has narrowed to what may be seen."""
    spans = {
        name: Avg(ExpressionWrapper(F(end) - F(start), output_field=DurationField())) for name, (start, end) in SPANS.items()
    }
    found = rows.aggregate(**spans)
    return Times(**{name: value.total_seconds() if value is not None else None for name, value in found.items()})
