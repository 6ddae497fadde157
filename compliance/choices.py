"""The words of compliance."""

from django.db.models import TextChoices


class CoverageState(TextChoices):
    """Whether a control is proved; each word with its sentence."""

    COVERED = "covered", "Covered"  #: A workflow is mapped and its evidence is valid.
    STALE = "stale", "Stale"  #: The newest passing evidence is older than the control's freshness.
    FAILING = "failing", "Failing"  #: The newest evidence did not pass.
    EXCEPTED = "excepted", "Excepted"  #: Somebody accepted the risk, until a date.
    NOT_APPLICABLE = "not_applicable", "Not applicable"
    UNCOVERED = "uncovered", "Uncovered"  #: No workflow, or a workflow that has proved nothing yet.


class BundleStatus(TextChoices):
    """Where a bundle is."""

    OPEN = "open", "Open"
    SEALED = "sealed", "Sealed"
    NOTARIZED = "notarized", "Notarized"
    SUPERSEDED = "superseded", "Superseded"


class ArtifactKind(TextChoices):
    """What a piece of evidence is."""

    RESULT = "result", "Result of a step"
    APPROVAL = "approval", "Approval"
    CALL = "call", "Call"
    RECEIPT = "receipt", "Receipt"
    JOURNAL = "journal", "Journal"
    ALERT = "alert", "Alert"
    PLAYBOOK = "playbook", "Playbook"
    FILE = "file", "File"


class Verdict(TextChoices):
    """The answer of a verification, the worst first; the value is the exit code."""

    TAMPERED = "TAMPERED", "Tampered"
    MISSING = "MISSING", "Missing"
    STALE_APPROVAL = "STALE_APPROVAL", "Stale approval"
    UNSIGNED = "UNSIGNED", "Unsigned"
    UNTRUSTED_KEY = "UNTRUSTED_KEY", "Untrusted key"
    VERIFIED = "VERIFIED", "Verified"
