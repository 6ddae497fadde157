"""Filters that more than one list needs."""

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField


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
