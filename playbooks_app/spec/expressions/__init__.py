"""One small total language for templates and conditions: always ends, never calls, never builds an object.

`compile_expression` reads a text once; what it returns is evaluated over a scope of plain JSON values.
"""

from playbooks_app.spec.expressions.errors import ExpressionError, MissingValue
from playbooks_app.spec.expressions.expression import Evaluation, Expression, compile_expression
from playbooks_app.spec.expressions.filters import FILTERS
from playbooks_app.spec.expressions.paths import MISSING, Reference, lookup
from playbooks_app.spec.expressions.values import as_text

__all__ = [
    "FILTERS",
    "MISSING",
    "Evaluation",
    "Expression",
    "ExpressionError",
    "MissingValue",
    "Reference",
    "as_text",
    "compile_expression",
    "lookup",
]
