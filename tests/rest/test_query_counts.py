"""No list issues more queries as it grows: the same number for 10 rows and for 200, and never more than 8."""

import copy

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.choices import Role
from approvals.models import Decision, Request
from audit.models import Delivery, Entry
from compliance.models import Artifact, Control, EvidenceBundle, Framework
from core import ids
from incidents.models import Alert, AlertSource, Incident, IncidentLink
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun, TriggerDecision
from tests import factories
from tests.rest import worlds
from tests.rest.test_matrix import ROUTES

FEW, MANY = 10, 200
MOST = 8

pytestmark = pytest.mark.django_db


def cloned(row, **changes):
    """Save a copy of a row under another id, with what has to be unique changed."""
    new = copy.copy(row)
    new._state = copy.copy(row._state)
    new._state.adding = True
    new.pk = ids.new()
    for name, value in changes.items():
        setattr(new, name, value)
    new.save(force_insert=True)
    return new


def alerts(world, number):
    row = Alert.objects.get(pk=world.kwargs["alert"]["pk"])
    alert = cloned(row, dedup_key=f"d{number}")
    execution = executions(world, number)
    Execution.objects.filter(pk=execution.pk).update(alert=alert)
    decision = TriggerDecision.objects.filter(alert=row).first()
    cloned(decision, alert=alert, execution=execution)


def executions(world, number):
    row = Execution.objects.get(pk=world.kwargs["execution"]["pk"])
    execution = cloned(row, started_by="somebody", alert=None)
    cloned(StepRun.objects.filter(execution=row).first(), execution=execution)
    return execution


def approvals(world, number):
    request = cloned(Request.objects.get(pk=world.kwargs["approval"]["pk"]), claimed_by=world.author, subject_id=str(ids.new()))
    Decision.objects.create(
        request=request, user=world.author, username="x", role="lead", verdict="approve", digest="0", at=factories.NOW
    )


def playbooks(world, number):
    row = Playbook.objects.get(tenant=world.tenant, slug="wmi-lateral-movement")
    playbook = cloned(row, slug=f"p-{number}", active_version=None)
    version = cloned(PlaybookVersion.objects.get(pk=row.active_version_id), playbook=playbook)
    Playbook.objects.filter(pk=playbook.pk).update(active_version=version)


def incidents(world, number):
    incident = cloned(Incident.objects.get(pk=world.kwargs["incident"]["pk"]), number=1000 + number)
    IncidentLink.objects.create(incident=incident, kind="alert", ref_id=world.kwargs["alert"]["pk"])


def frameworks(world, number):
    cloned(Framework.objects.get(pk=world.kwargs["framework"]["pk"]), slug=f"f-{number}")


def controls(world, number):
    cloned(Control.objects.get(pk=world.kwargs["control"]["pk"]), identifier=f"zz-{number}")


def bundles(world, number):
    cloned(EvidenceBundle.objects.get(pk=world.kwargs["evidence-bundle"]["pk"]))


def alert_sources(world, number):
    cloned(AlertSource.objects.filter(tenant=world.tenant).first(), name=f"source-{number}")


def audit_entries(world, number):
    row = Entry.objects.filter(stream=f"execution:{world.kwargs['execution']['pk']}").first()
    cloned(row, stream=f"execution:{ids.new()}", seq=1)


def dead_letters(world, number):
    row = Delivery.objects.get(pk=world.kwargs["dead-letter"]["pk"])
    cloned(row, handler=f"task.{number}")


#: How each list grows by a row; a new list without a line here fails.
GROWS = {
    "alert-list": alerts,
    "execution-list": executions,
    "approval-list": approvals,
    "playbook-list": playbooks,
    "incident-list": incidents,
    "framework-list": frameworks,
    "control-list": controls,
    "evidence-bundle-list": bundles,
    "alert-source-list": alert_sources,
    "audit-entry-list": audit_entries,
    "dead-letter-list": dead_letters,
}


def test_every_list_is_counted():
    assert {name for name, method in ROUTES if name.endswith("-list") and method == "get"} == set(GROWS)


def counted(path, token):
    with CaptureQueriesContext(connection) as queries:
        answer = worlds.call("get", path, token)
    assert answer.status_code == 200, answer.content
    return len(queries), len(answer.json()["results"])


@pytest.mark.parametrize("name", sorted(GROWS))
def test_a_list_asks_as_often_for_many_rows_as_for_few(world, name):
    own, _, tokens = world
    path = f"/api/v1/{ROUTES[name, 'get'].removeprefix('^').removesuffix('$')}?page_size=200"
    for number in range(FEW):
        GROWS[name](own, number)
    few, rows = counted(path, tokens[Role.ADMINISTRATOR])
    assert rows >= FEW
    for number in range(FEW, MANY):
        GROWS[name](own, number)
    many, rows = counted(path, tokens[Role.ADMINISTRATOR])
    assert rows >= MANY
    assert few == many <= MOST


def test_an_execution_asks_as_often_for_many_steps_as_for_few(world):
    own, _, tokens = world
    path = f"/api/v1/executions/{own.kwargs['execution']['pk']}"
    row = StepRun.objects.filter(execution_id=own.kwargs["execution"]["pk"]).first()
    few = _queries(path, tokens)
    for number in range(100):
        cloned(row, step_id=f"s{number}")
    assert few == _queries(path, tokens) <= MOST


def test_a_bundle_asks_as_often_for_many_artifacts_as_for_few(world):
    own, _, tokens = world
    pk = own.kwargs["evidence-bundle"]["pk"]
    bundle = EvidenceBundle.objects.get(pk=pk)
    few = _queries(f"/api/v1/evidence-bundles/{pk}", tokens)
    for number in range(100):
        Artifact.objects.create(
            bundle=bundle, name=f"a{number}", sha256="0" * 64, size=1, media_type="text/plain", effective_at=factories.NOW
        )  # fmt: skip
    assert few == _queries(f"/api/v1/evidence-bundles/{pk}", tokens) <= MOST


def _queries(path, tokens):
    with CaptureQueriesContext(connection) as queries:
        assert worlds.call("get", path, tokens[Role.ADMINISTRATOR]).status_code == 200
    return len(queries)
