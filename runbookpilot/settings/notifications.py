"""What people are told, and where the links in it lead."""

from typing import Any

import environ

from runbookpilot.settings.base import BASE_URL, OPERATOR

APPROVAL_URL = f"{BASE_URL}/admin/now/approvals/{{id}}"
NOTIFY_PRIVATE = OPERATOR.notify_private

_server: str = OPERATOR.email_url.get_secret_value()
_mail: dict[str, Any] = environ.Env.email_url_config(_server) if _server else {}
MAIL_ENABLED = bool(_mail)
EMAIL_BACKEND = _mail.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST = _mail.get("EMAIL_HOST") or ""
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = OPERATOR.email_from
