"""The pipeline on one page: when this kind of event is journaled, wake those tasks."""

from audit.choices import Kind

HANDLERS: dict[str, tuple[str, ...]] = {
    Kind.ALERT_RECEIVED: ("playbooks_app.tasks.match_alert",),
    Kind.INCIDENT_DECLARED: ("playbooks_app.tasks.link_incident",),
    Kind.EXECUTION_STARTED: ("playbooks_app.tasks.advance",),
    Kind.APPROVAL_DECIDED: ("playbooks_app.tasks.apply_decision",),
    Kind.APPROVAL_EXPIRED: ("playbooks_app.tasks.apply_decision",),
    Kind.APPROVAL_REQUESTED: ("approvals.tasks.tell_deciders",),
    Kind.APPROVAL_ESCALATED: ("approvals.tasks.tell_again",),
    Kind.EXECUTION_FINISHED: ("compliance.tasks.capture_evidence",),
}

#: These are called with the id of what the entry speaks of, whose own row is due at a time: the sweep of its app finds what a
#: broker lost, so that no delivery is kept beside it.
DIRECT = frozenset({"playbooks_app.tasks.advance"})
