"""Hosts, cookies, content security policy, login throttling."""

from csp.constants import NONE, SELF

from runbookpilot.settings.base import OPERATOR

#: The largest body that is read into memory; alerts have the largest.
DATA_UPLOAD_MAX_MEMORY_SIZE = OPERATOR.batch_max_bytes

ALLOWED_HOSTS = OPERATOR.allowed_hosts
CSRF_TRUSTED_ORIGINS = OPERATOR.trusted_origins
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = OPERATOR.https
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_SECURE = OPERATOR.https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "runbookpilot.console.errors.csrf"
SECURE_SSL_REDIRECT = OPERATOR.https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if OPERATOR.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = OPERATOR.https
SECURE_HSTS_PRELOAD = OPERATOR.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if OPERATOR.https else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        # The admin theme sets style attributes from scripts.
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

AXES_FAILURE_LIMIT = 6
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "runbookpilot.console.errors.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS: list[str] = []

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
