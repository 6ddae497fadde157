"""What is wrong with a playbook, where it stands, and what was expected."""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Literal

Severity = Literal["error", "warning"]


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One problem. Lines and columns count from 1."""

    severity: Severity
    code: str
    file: str
    line: int
    column: int
    path: str
    message: str
    expected: str = ""
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the playbook cannot be used."""
        return self.severity == "error"

    def render(self) -> str:
        """Return one line: `file:line:column path: message (expected …; did you mean …)`."""
        notes = [f"expected {self.expected}" if self.expected else "", self.hint]
        note = "; ".join(note for note in notes if note)
        place = f"{self.file}:{self.line}:{self.column}"
        prefix = "" if self.is_error else "warning: "
        sentence = f"{prefix}{self.message} ({note})" if note else f"{prefix}{self.message}"
        return f"{place} {self.path}: {sentence}" if self.path else f"{place}: {sentence}"

    def to_dict(self) -> dict[str, object]:
        """Return the problem as JSON-shaped data."""
        return dataclasses.asdict(self)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for a near miss, else nothing."""
    near = difflib.get_close_matches(word[:64], list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""
