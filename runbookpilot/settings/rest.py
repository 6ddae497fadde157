"""The REST API."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["core.api.filters.Filters"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ProblemAwareSchema",
    "DEFAULT_THROTTLE_CLASSES": ["core.api.throttling.UserRate", "core.api.throttling.AnonymousRate"],
    # Requests in a minute.
    "DEFAULT_THROTTLE_RATES": {"user": 12_000, "anon": 60},
    # Whoever forwards requests sets the address; what a client says of its own counts for nothing.
    "NUM_PROXIES": 0,
    "EXCEPTION_HANDLER": "core.api.problems.handle",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "RunbookPilot",
    "VERSION": "v1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "RequestStatus": "approvals.choices.Status",
        "StepStatus": "playbooks_app.choices.StepStatus.choices",
        "ExecutionStatus": "playbooks_app.choices.ExecutionStatus.choices",
        "ExecutionVerb": "playbooks_app.api.serializers.EXECUTION_VERBS",
        "StepVerb": "playbooks_app.api.serializers.STEP_VERBS",
        "IncidentStatus": "incidents.choices.IncidentStatus",
        "BundleStatus": "compliance.choices.BundleStatus",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}
