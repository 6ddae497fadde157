"""Whether an emergency stop stands."""

import uuid

from django.db.models import Q

from accounts.models import EmergencyStop

DEPLOYMENT = "deployment"


def standing(tenant_id: uuid.UUID | None) -> EmergencyStop | None:
    """Return the stop that binds this tenant now: the deployment's first, then its own."""
    scopes = Q(scope=DEPLOYMENT) | Q(scope=str(tenant_id))
    rows = list(EmergencyStop.objects.filter(scopes, released_at=None))
    return min(rows, key=lambda stop: stop.scope != DEPLOYMENT, default=None)
