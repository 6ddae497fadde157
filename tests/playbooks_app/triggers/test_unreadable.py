import pytest

from playbooks_app.models import PlaybookVersion
from tests.playbooks_app.triggers.test_match import matched, playbook, tenant  # noqa: F401

pytestmark = pytest.mark.django_db
ANY = "triggers: [{source: any}]"


def test_a_playbook_that_cannot_be_read_keeps_no_other_from_being_started(tenant):  # noqa: F811
    broken, _ = playbook(tenant, "broken", ANY), playbook(tenant, "good", ANY)
    PlaybookVersion.objects.filter(pk=broken.active_version_id).update(document={"no": "playbook"}, digest="x")
    found = {decision.playbook.slug: decision for decision in matched(tenant)}
    assert (found["good"].matched, found["broken"].matched) == (True, False)
    assert found["good"].execution is not None
