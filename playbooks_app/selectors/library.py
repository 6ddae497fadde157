"""Finding playbooks: by name, by tag, and by the techniques that they answer."""

from django.db.models import QuerySet

from core import attack
from playbooks_app.models import Playbook


def search(rows: QuerySet[Playbook], text: str) -> QuerySet[Playbook]:
    """Return the playbooks whose name, slug, description, tags or techniques (by id or name) match the text.

    A library is some hundred rows, and what JSON columns hold cannot be searched alike on both databases: it is read.
    """
    wanted = text.strip().lower()
    if not wanted:
        return rows
    found = attack.search(wanted)
    names = ("pk", "name", "slug", "description", "active_version__tags", "active_version__techniques", "active_version__d3fend")
    return rows.filter(
        pk__in=[
            pk
            for pk, name, slug, description, tags, techniques, defences in rows.values_list(*names)
            if wanted in " ".join([name, slug, description, *(tags or [])]).lower()
            or found.intersection(techniques or [])
            or found.intersection(defences or [])
        ]
    )
