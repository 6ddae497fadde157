"""What can go wrong with an expression, when it is read and when it is evaluated."""


class ExpressionError(Exception):
    """The expression cannot be read or evaluated.

    `offset` is the position in the source text, where it is known; `parameter` the parameter that a template
    stands in (`filters[0].name`), where it stands in one.
    """

    def __init__(self, message: str, *, offset: int | None = None, hint: str = "", parameter: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint
        self.parameter = parameter

    def __str__(self) -> str:
        """Return the sentence, led by the parameter where there is one."""
        sentence = f"{self.message} ({self.hint})" if self.hint else self.message
        return f"{self.parameter}: {sentence}" if self.parameter else sentence


class MissingValue(ExpressionError):
    """A path leads nowhere, and no default stands in for it."""

    def __init__(self, path: str, *, offset: int | None = None) -> None:
        super().__init__(f"{path} is missing", offset=offset, hint="add | default(…) if it may be")
        self.path = path
