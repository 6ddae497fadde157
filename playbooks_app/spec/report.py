"""Collects the problems of one file, each with the place where it stands."""

import dataclasses
from collections.abc import Iterable

from playbooks_app.spec import limits, positions
from playbooks_app.spec.positions import Path, Position, Positions
from playbooks_app.spec.problems import Problem, Severity, suggestion


@dataclasses.dataclass(slots=True)
class Report:
    """The problems of one file so far."""

    filename: str
    positions: Positions
    found: list[Problem] = dataclasses.field(default_factory=list)
    suggestions: int = 0

    def error(self, code: str, path: Path, message: str, *, expected: str = "", hint: str = "") -> None:
        """Add a problem with the value at `path` that keeps the playbook from being used."""
        self.add("error", code, path, self.positions.of_value(path), message, expected, hint)

    def key_error(self, code: str, path: Path, message: str, *, expected: str = "", hint: str = "") -> None:
        """Add a problem with the key at `path`."""
        self.add("error", code, path, self.positions.of_key(path), message, expected, hint)

    def text_error(self, code: str, path: Path, offset: int | None, message: str, hint: str = "") -> None:
        """Add a problem at a character of the text at `path`."""
        self.add("error", code, path, self.positions.within(path, offset or 0), message, "", hint)

    def warning(self, code: str, path: Path, message: str, *, hint: str = "", offset: int | None = None) -> None:
        """Add something that deserves a look."""
        place = self.positions.of_value(path) if offset is None else self.positions.within(path, offset)
        self.add("warning", code, path, place, message, "", hint)

    def suggest(self, word: str, known: Iterable[str]) -> str:
        """Return `did you mean 'x'?` for a near miss, else nothing; the search is dear, so only the first are helped."""
        self.suggestions += 1
        return suggestion(word, known) if self.suggestions <= limits.SUGGESTIONS else ""

    def add(self, severity: Severity, code: str, path: Path, place: Position, message: str, expected: str, hint: str) -> None:
        """Add a problem at a place that is known already."""
        self.found.append(
            Problem(severity, code, self.filename, place.line, place.column, positions.render(path), message, expected, hint)
        )

    def sorted(self) -> tuple[Problem, ...]:
        """Return every problem once, errors first where there are too many, in the order of the file."""
        unique: Iterable[Problem] = dict.fromkeys(self.found)
        kept = sorted(unique, key=lambda problem: not problem.is_error)[: limits.PROBLEMS]
        return tuple(sorted(kept, key=lambda problem: (problem.line, problem.column)))
