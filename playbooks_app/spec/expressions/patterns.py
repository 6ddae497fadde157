"""Regular expressions on a linear-time engine: no pattern and no text can hang a worker."""

from typing import Any

import re2

from playbooks_app.spec import limits
from playbooks_app.spec.expressions.errors import ExpressionError


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = limits.PATTERN_MEMORY
    return options


_OPTIONS = _options()


def compiled(pattern: object) -> Any:
    """Return `pattern` compiled; raises ExpressionError where it is not a regular expression of RE2."""
    if not isinstance(pattern, str):
        raise ExpressionError("a pattern has to be text")
    if len(pattern) > limits.PATTERN_CHARACTERS:
        raise ExpressionError(f"the pattern is longer than {limits.PATTERN_CHARACTERS} characters")
    try:
        return re2.compile(_bytes(pattern), _OPTIONS)
    except re2.error as error:
        raise ExpressionError(f"the pattern is not valid: {_reason(error)}", hint=_hint(pattern)) from error


def found(pattern: Any, text: str) -> bool:
    """Whether a compiled pattern occurs anywhere in `text`."""
    return pattern.search(_bytes(text)) is not None


def _bytes(text: str) -> bytes:
    # Alerts may carry lone surrogates, which have no UTF-8 form.
    return text.encode("utf-8", "replace")


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _hint(pattern: str) -> str:
    if any(mark in pattern for mark in ("(?=", "(?!", "(?<=", "(?<!")):
        return "RE2 has no lookaround"
    return ""
