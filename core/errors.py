"""The base of every error that a person or program is told about.

A subclass's docstring is its message; its class attributes say how a door answers.
"""

from collections.abc import Mapping


class DomainError(Exception):
    """Something was asked that cannot be done."""

    code = "error"
    http_status = 400

    def __init__(self, detail: str | None = None, *, hint: str = "", fields: Mapping[str, object] | None = None) -> None:
        self.detail = detail or (self.__doc__ or "").strip().split("\n")[0]
        self.hint = hint
        self.fields = dict(fields or {})
        super().__init__(self.detail)

    @property
    def sentence(self) -> str:
        """What went wrong and, where there is one, what to do."""
        return f"{self.detail} {self.hint}".strip()


class Invalid(DomainError):
    """The input is not valid."""

    code = "invalid"


class Unauthenticated(DomainError):
    """Nobody is logged in."""

    code = "not_authenticated"
    http_status = 401


class Forbidden(DomainError):
    """You may not do this."""

    code = "forbidden"
    http_status = 403


class NotFound(DomainError):
    """There is no such thing, or not for you."""

    code = "not_found"
    http_status = 404


class Conflict(DomainError):
    """This cannot be done in the present state."""

    code = "conflict"
    http_status = 409


class Changed(DomainError):
    """It was changed by someone else since you read it."""

    code = "changed"
    http_status = 412


class TooLarge(DomainError):
    """The input is larger than allowed."""

    code = "too_large"
    http_status = 413


class NotAvailableYet(DomainError):
    """This is not available yet."""

    code = "not_available_yet"
    http_status = 422
