"""The demo's people, hosts and alerts. Everything here is invented."""

from typing import Any

from accounts.choices import Role

TENANT = "demo"
#: The detector whose alerts `runbookpilot replay` sends.
SOURCE = "detectforge"
PASSWORD = "demo runbookpilot"  # noqa: S105

PEOPLE: tuple[tuple[str, Role], ...] = (
    ("analyst", Role.ANALYST),
    ("analyst2", Role.ANALYST),
    ("lead", Role.LEAD),
    ("lead2", Role.LEAD),
    ("compliance", Role.COMPLIANCE_OFFICER),
    ("auditor", Role.AUDITOR),
    ("administrator", Role.ADMINISTRATOR),
)

ASSETS: tuple[dict[str, Any], ...] = (
    {"host": "dc-1", "criticality": "crown-jewel", "owner": "Identity team", "services": ["kerberos", "ldap"]},
    {"host": "ws-0417", "criticality": "medium", "owner": "Finance", "services": []},
    {"host": "build-3", "criticality": "high", "owner": "Engineering", "services": ["ci"]},
)


def alert(number: int, rule: str, technique: str, host: str, user: str, confidence: float, **more: Any) -> dict[str, Any]:
    """Return an ECS alert as a Sigma rule would give it."""
    return {
        "event": {"id": f"demo-{number}", "kind": "alert", "severity": 73},
        "rule": {"name": rule, "ruleset": "sigma"},
        "host": {"name": host, "id": f"{host}-id"},
        "user": {"name": user},
        "process": {"pid": 4000 + number, "name": "powershell.exe"},
        "threat": {"framework": "MITRE ATT&CK", "technique": [{"id": technique}]},
        "x-detectforge": {"rule_format": "sigma", "confidence": confidence},
        **more,
    }


ALERTS = (
    alert(1, "Remote process through WMI", "T1047", "ws-0417", "a.keller", 0.82),
    alert(2, "Remote process through WMI", "T1047", "dc-1", "svc-deploy", 0.64),
    alert(3, "LSASS memory read", "T1003.001", "build-3", "m.osei", 0.71),
    alert(4, "Beacon over HTTPS", "T1071.001", "build-3", "svc-ci", 0.55, destination={"ip": "203.0.113.77"}),
    alert(5, "Directory listing", "T1083", "ws-0417", "a.keller", 0.3),
)
