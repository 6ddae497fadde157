"""The OpenAPI schema of every endpoint, with the problem documents that it may answer."""

from drf_spectacular.openapi import AutoSchema


class ProblemAwareSchema(AutoSchema):
    """Documents the errors that any endpoint may answer as problem documents."""
