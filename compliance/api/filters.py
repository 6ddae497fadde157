"""What lists of this app are filtered by."""

import uuid

import django_filters
from django.db.models import Q, QuerySet

from compliance.choices import BundleStatus
from compliance.models import Control, EvidenceBundle, Framework
from core.api.filters import MomentFilter


class GovernedFilter(django_filters.FilterSet):
    """Rows of one tenant, by its slug or id."""

    tenant = django_filters.CharFilter(method="of_tenant")

    def of_tenant(self, rows: "QuerySet[Framework]", name: str, value: str) -> "QuerySet[Framework]":
        try:
            return rows.filter(tenant_id=uuid.UUID(value))
        except ValueError:
            return rows.filter(Q(tenant__slug=value))


class FrameworkFilter(GovernedFilter):
    slug = django_filters.CharFilter()
    version = django_filters.CharFilter()

    class Meta:
        model = Framework
        fields: list[str] = []


class ControlFilter(GovernedFilter):
    framework = django_filters.CharFilter(field_name="framework__slug")
    identifier = django_filters.CharFilter()
    family = django_filters.CharFilter()

    class Meta:
        model = Control
        fields: list[str] = []


class BundleFilter(GovernedFilter):
    status = django_filters.ChoiceFilter(choices=BundleStatus.choices)
    execution = django_filters.UUIDFilter(field_name="execution_id")
    control = django_filters.UUIDFilter(field_name="evidence__control_id")
    identifier = django_filters.CharFilter(field_name="evidence__control__identifier", distinct=True)
    since = MomentFilter(field_name="period_until", lookup_expr="gte")
    until = MomentFilter(field_name="period_from", lookup_expr="lt")

    class Meta:
        model = EvidenceBundle
        fields: list[str] = []
