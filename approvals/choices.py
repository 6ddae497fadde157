"""The words of approvals."""

from django.db.models import TextChoices

#: How often a notice is tried before it is given up.
ATTEMPTS = 6


class Status(TextChoices):
    """Where a request is; each word with its sentence."""

    PENDING = "pending", "Pending"  #: People may decide.
    APPROVED = "approved", "Approved"  #: Consent was given; the call is about to be made.
    REJECTED = "rejected", "Rejected"  #: Refused, with a reason.
    EXECUTED = "executed", "Executed"  #: The call that was approved was made.
    EXPIRED = "expired", "Expired"  #: Nobody decided in time.
    WITHDRAWN = "withdrawn", "Withdrawn"  #: No longer needed, or what would be sent has changed.


TRANSITIONS: dict[str, frozenset[str]] = {
    Status.PENDING: frozenset({Status.APPROVED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN}),
    Status.APPROVED: frozenset({Status.EXECUTED, Status.WITHDRAWN}),
    Status.REJECTED: frozenset(),
    Status.EXECUTED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.WITHDRAWN: frozenset(),
}


class Occasion(TextChoices):
    """Why somebody is told of a request."""

    REQUESTED = "requested", "Requested"  #: It is new.
    ESCALATED = "escalated", "Escalated"  #: Half of its time is over, and nobody has taken it up.


class Verdict(TextChoices):
    """What somebody says to a request."""

    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"


class OnTimeout(TextChoices):
    """What follows when nobody decided in time."""

    HALT = "halt", "Halt"
    SKIP = "skip", "Skip"
    APPROVE = "approve", "Approve"


class Outcome(TextChoices):
    """What became of an approved call; trust grows from these."""

    EXECUTED = "executed", "Executed"
    FAILED = "failed", "Failed"
    UNDONE = "undone", "Undone"
    UNCERTAIN = "uncertain", "Uncertain"
