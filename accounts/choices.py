"""Roles, the permissions that they carry, and the words that accounts use."""

from django.db.models import TextChoices


class Role(TextChoices):
    """What a member of a tenant is."""

    VIEWER = "viewer", "Viewer"
    ANALYST = "analyst", "Analyst"
    LEAD = "lead", "Lead"
    COMPLIANCE_OFFICER = "compliance_officer", "Compliance officer"
    AUDITOR = "auditor", "Auditor"
    ADMINISTRATOR = "administrator", "Administrator"


class Channel(TextChoices):
    """How a person is told of what waits for them, besides the badge in the console."""

    NONE = "none", "Not at all"
    MAIL = "mail", "By mail"
    WEBHOOK = "webhook", "By a signed webhook"


class Permission(TextChoices):
    """What a role may do in a tenant; each is a Django permission on the tenant model."""

    VIEW_RECORDS = "view_records", "Read alerts, playbooks, executions, approvals and incidents"
    VIEW_EVIDENCE = "view_evidence", "Read bundles, controls and audit entries; verify and export"
    WORK_EXECUTIONS = "work_executions", "Start, work on and cancel executions"
    INGEST_ALERTS = "ingest_alerts", "Send alerts"
    DECIDE_AS_ANALYST = "decide_as_analyst", "Decide approvals asked of analysts"
    DECIDE_AS_LEAD = "decide_as_lead", "Decide approvals asked of leads"
    WORK_INCIDENTS = "work_incidents", "Declare and work incidents"
    EDIT_PLAYBOOKS = "edit_playbooks", "Write playbook versions"
    ACTIVATE_PLAYBOOKS = "activate_playbooks", "Activate playbook versions"
    EDIT_POLICIES = "edit_policies", "Edit policies and triggers"
    OVERRIDE_POLICY = "override_policy", "Go above the tenant's level, with a reason"
    MANAGE_COMPLIANCE = "manage_compliance", "Edit controls and mappings; make and seal bundles"
    MANAGE_ADAPTERS = "manage_adapters", "Edit adapters and their secrets"
    MANAGE_MEMBERS = "manage_members", "Edit memberships"
    MANAGE_TENANT = "manage_tenant", "Edit the tenant's settings"
    ENGAGE_STOP = "engage_stop", "Stop every write at once"
    RELEASE_STOP = "release_stop", "Lift an emergency stop"


_P = Permission
_VIEWER = {_P.VIEW_RECORDS, _P.VIEW_EVIDENCE}
_ANALYST = _VIEWER | {_P.WORK_EXECUTIONS, _P.INGEST_ALERTS, _P.DECIDE_AS_ANALYST, _P.WORK_INCIDENTS, _P.ENGAGE_STOP}
_LEAD = _ANALYST | {
    _P.DECIDE_AS_LEAD,
    _P.EDIT_PLAYBOOKS,
    _P.ACTIVATE_PLAYBOOKS,
    _P.EDIT_POLICIES,
    _P.OVERRIDE_POLICY,
    _P.RELEASE_STOP,
}
_COMPLIANCE_OFFICER = _VIEWER | {_P.MANAGE_COMPLIANCE}
_ADMINISTRATOR = _LEAD | _COMPLIANCE_OFFICER | {_P.MANAGE_ADAPTERS, _P.MANAGE_MEMBERS, _P.MANAGE_TENANT}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset(_VIEWER),
    Role.ANALYST: frozenset(_ANALYST),
    Role.LEAD: frozenset(_LEAD),
    Role.COMPLIANCE_OFFICER: frozenset(_COMPLIANCE_OFFICER),
    Role.AUDITOR: frozenset({_P.VIEW_EVIDENCE}),
    Role.ADMINISTRATOR: frozenset(_ADMINISTRATOR),
}

#: The permission that answers "may decide approvals asked of this role".
DECIDES_AS: dict[str, Permission] = {Role.ANALYST: _P.DECIDE_AS_ANALYST, Role.LEAD: _P.DECIDE_AS_LEAD}


class EnvironmentKind(TextChoices):
    """What an environment is for."""

    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    LAB = "lab", "Lab"
