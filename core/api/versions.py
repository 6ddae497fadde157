"""ETag and If-Match: whoever changes configuration changes what they saw."""

import hashlib
from typing import Any

from rest_framework.renderers import JSONRenderer

from core.errors import Changed

IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"


def etag(body: Any) -> str:
    """Return the tag of an answer: the same for the same content."""
    return f'"{hashlib.sha256(JSONRenderer().render(body)).hexdigest()[:32]}"'


def names(header: str, tag: str) -> bool:
    """Return whether a header of tags names this one, or any."""
    return any(item.strip().removeprefix("W/") in (tag, "*") for item in header.split(","))


def require(header: str, tag: str) -> None:
    """Raise Changed where the caller saw another state than the present one."""
    if not names(header, tag):
        raise Changed(hint="Read it again, and decide again.", fields={"etag": tag})
