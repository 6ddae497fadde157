"""The deployment's public keys, for whoever verifies its packs."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from core import signing


@require_safe
def keys(request: HttpRequest) -> JsonResponse:
    """Return every public key with the time from which it signs, oldest first. Needs no login."""
    response = JsonResponse({"keys": [key.to_dict() for key in signing.public_keys()]})
    response["Cache-Control"] = "public, max-age=300"
    return response
