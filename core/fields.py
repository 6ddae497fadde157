"""Model fields that more than one app needs."""

import json
import threading
from typing import Any

from django.db import models

from core import secrets

_last = threading.local()


class EncryptedJSONField(models.BinaryField):  # type: ignore[type-arg]
    """JSON kept encrypted at rest. It cannot be searched, and reads back as what was stored."""

    description = "JSON, encrypted"

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        return super().get_prep_value(_sealed(json.dumps(value, separators=(",", ":")).encode()))

    def from_db_value(self, value: Any, expression: object, connection: object) -> Any:
        if value is None:
            return None
        return json.loads(secrets.decrypt(bytes(value)))

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return "[encrypted]"


def _sealed(content: bytes) -> bytes:
    """Return `content` encrypted; what is written to two rows in a row, such as a step and its call, is encrypted once."""
    written = (content, secrets.ring())
    if getattr(_last, "written", None) != written:
        _last.token = secrets.encrypt(content)
        _last.written = written
    token: bytes = _last.token
    return token
