"""The kinds of nodes and links."""

from django.db.models import TextChoices


class NodeKind(TextChoices):
    """What a node stands for."""

    HOST = "host", "Host"
    USER = "user", "User"
    ADDRESS = "address", "Address"
    DOMAIN = "domain", "Domain"
    FILE = "file", "File"
    SERVICE = "service", "Service"
    ALERT = "alert", "Alert"
    INCIDENT = "incident", "Incident"
    EXECUTION = "execution", "Execution"
    CONTROL = "control", "Control"
    BUNDLE = "bundle", "Bundle"


class LinkKind(TextChoices):
    """How two nodes are joined."""

    SEEN_ON = "seen_on", "seen on"
    INVOLVES = "involves", "involves"
    USES = "uses", "uses"
    STARTED = "started", "started"
    ACTED_ON = "acted_on", "acted on"
    PART_OF = "part_of", "part of"
    RUNS_ON = "runs_on", "runs on"
    DEPENDS_ON = "depends_on", "depends on"
    PROVES = "proves", "proves"


class Criticality(TextChoices):
    """How much it matters that an asset keeps working."""

    LOW = "low", "Low"
    MEDIUM = "medium", "Medium"
    HIGH = "high", "High"
    CROWN_JEWEL = "crown-jewel", "Crown jewel"
