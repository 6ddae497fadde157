"""Filters that more than one list needs."""

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from rest_framework.request import Request


class Filters(filters.DjangoFilterBackend):
    """Filters a list by its query. Where there is none, no form is built to find that out."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the rows that the query asks for; raises ValidationError for what is wrong with it."""
        return super().filter_queryset(request, queryset, view) if request.query_params else queryset


class MomentField(IsoDateTimeField):
    """A time in UTC. Zones that no database knows, such as -17:03, are reckoned with before one is asked."""

    def clean(self, value: Any) -> Any:
        """Return the time in UTC; raises ValidationError where it lies before the first or after the last."""
        moment = super().clean(value)
        if moment is None:
            return None
        try:
            return moment.astimezone(dt.UTC)
        except (OverflowError, ValueError) as error:
            raise ValidationError("This time lies outside of the calendar.") from error


class MomentFilter(filters.IsoDateTimeFilter):
    """Filters by a moment, ISO 8601 with its zone."""

    field_class = MomentField
