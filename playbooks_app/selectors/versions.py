"""The playbooks that executions are pinned to, each read and parsed once per process: nothing of a version ever changes."""

import functools
import uuid

from playbooks_app.models import Execution, PlaybookVersion
from playbooks_app.spec import loader
from playbooks_app.spec.schema import Playbook


@functools.lru_cache(maxsize=256)
def get(version_id: uuid.UUID) -> PlaybookVersion:
    """Return a version with its playbook."""
    return PlaybookVersion.objects.select_related("playbook").defer("source").get(pk=version_id)


def playbook_of(execution: Execution) -> Playbook:
    """Return the parsed playbook that an execution is pinned to."""
    version = get(execution.version_id)
    return loader.parse_canonical(version.document, digest=version.digest)
