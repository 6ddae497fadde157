"""From a file to a playbook, or to everything that is wrong with it."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785
from pydantic import ValidationError

from playbooks_app.spec import checks, not_yet, shape, yaml_reader
from playbooks_app.spec.catalogue import Catalogue
from playbooks_app.spec.problems import Problem
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Playbook


class InvalidPlaybook(ValueError):
    """The document is not a playbook."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a file.

    `playbook` is there exactly if no problem is an error. `document` is the parsed file, empty where it is not a
    mapping; `digest` the sha256 of its canonical form (RFC 8785).
    """

    playbook: Playbook | None
    problems: tuple[Problem, ...]
    document: dict[str, Any]
    source: str
    digest: str

    @property
    def is_valid(self) -> bool:
        """Whether there is a playbook."""
        return self.playbook is not None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the playbook from being used."""
        return tuple(problem for problem in self.problems if problem.is_error)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that deserve a look."""
        return tuple(problem for problem in self.problems if not problem.is_error)


def load(
    source: str | bytes,
    *,
    catalogue: Catalogue | None = None,
    filename: str = "playbook.yaml",
    allow_unavailable: bool = False,
) -> Loaded:
    """Return the playbook in `source` and every problem with it; never raises, whatever the source is.

    Without a catalogue, nothing is said about actions. Parts of the format that are not available yet are errors
    unless `allow_unavailable`.
    """
    reading = yaml_reader.read(source)
    report = Report(filename, reading.positions)
    for fault in reading.faults:
        report.add("error", fault.code, fault.path, fault.position, fault.message, "", fault.hint)
    document = reading.document if isinstance(reading.document, dict) else {}
    playbook = None
    if isinstance(reading.document, dict):
        playbook = _checked(document, report, catalogue, allow_unavailable)
    elif not reading.faults:
        report.error("type", (), "the file does not hold a playbook", expected="a mapping")
    problems = report.sorted()
    if any(problem.is_error for problem in problems):
        playbook = None
    return Loaded(playbook, problems, document, reading.source, digest_of(document))


def _checked(document: dict[str, Any], report: Report, catalogue: Catalogue | None, allow_unavailable: bool) -> Playbook | None:
    playbook = shape.check(document, report)
    if playbook is None:
        return None
    checks.check(playbook, report, catalogue=catalogue, known=_written_ids(document))
    if not allow_unavailable:
        report.found.extend(not_yet.unavailable(playbook, report.positions, report.filename))
    return playbook


def _written_ids(document: Mapping[str, Any]) -> tuple[str, ...]:
    steps = document.get("steps")
    written = [step.get("id") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return tuple(step_id for step_id in written if isinstance(step_id, str))


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the sha256, in hex, of the canonical form of a document; raises InvalidPlaybook where it has none."""
    try:
        return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidPlaybook("the document has no canonical form") from error


@dataclasses.dataclass(frozen=True, slots=True)
class _Stored:
    """A document that is known by its digest."""

    digest: str
    document: Mapping[str, Any] = dataclasses.field(compare=False, repr=False)


def parse_canonical(document: Mapping[str, Any], *, digest: str | None = None) -> Playbook:
    """Return the playbook of a stored version, without checking it anew; raises InvalidPlaybook.

    The last ones are kept by digest: whoever has the digest at hand saves computing it.
    """
    return _parsed(_Stored(digest or digest_of(document), document))


@functools.lru_cache(maxsize=256)
def _parsed(stored: _Stored) -> Playbook:
    try:
        return shape.validate(stored.document)
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise InvalidPlaybook("the document is not a playbook of this format") from error
