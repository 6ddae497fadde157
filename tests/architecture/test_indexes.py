"""Every query that runs often, or over a table that only grows, has an index that serves it."""

import datetime as dt
import re
import uuid

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Tenant
from accounts.services import keys
from adapters.models import Call
from approvals.models import Notice, Request
from approvals.selectors import queue
from approvals.services import notices
from audit.models import Delivery, Entry, EntryRef
from core import clock
from core.literals import Literal
from entities.models import Link
from entities.services import graph
from incidents.models import Alert
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import lapsing
from playbooks_app.tasks import executions as driving

ID = uuid.UUID(int=7)
NOW = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)

#: With no alerts at all, any index that begins with the tenant costs the same.
ALIKE_WHEN_EMPTY = ("alert_recent", "alert_by_host", "alert_by_user")

#: The query and the index that it needs; those of periodic work first.
QUERIES = {
    "executions whose time has come": (lambda: driving.due(now=NOW), ("execution_due", "execution_driven", "execution_unseen")),
    "executions that are driven": (lapsing.held, ("execution_driven",)),
    "deliveries that are due": (
        lambda: Delivery.objects.filter(dead_at=None, next_at__lte=NOW).order_by("next_at")[:200],
        ("delivery_due",),
    ),
    "dead letters": (lambda: Delivery.objects.filter(dead_at__isnull=False).order_by("dead_at")[:50], ("delivery_dead",)),
    "requests whose time has run out": (lambda: queue.due(waited=7.0), ("request_waited",)),
    "requests whose time is not counted yet": (queue.uncounted, ("request_waited",)),
    "requests that nobody has taken up": (lambda: queue.unattended(now=NOW), ("request_escalation", "request_expiry")),
    "claims that are over": (lambda: queue.lapsed(now=NOW), ("request_claimed",)),
    "notices that are due": (lambda: notices.due(now=NOW)[:50], ("notice_due",)),
    "idempotency keys whose time is over": (lambda: keys.old(now=NOW)[:1000], ("accounts_idempotencykey_created_at",)),
    "a tenant's queue": (
        lambda: Request.objects.filter(tenant=ID, status="pending").order_by("expires_at")[:26],
        ("request_queue", "request_expiry"),
    ),
    "a tenant's executions, newest first": (lambda: Execution.objects.filter(tenant=ID).order_by("-id")[:51], ("execution_recent",)),
    "a tenant's executions in a status": (
        lambda: Execution.objects.filter(tenant=ID, status="failed").order_by("-id")[:51],
        ("execution_by_status",),
    ),
    "a tenant's alerts, newest first": (lambda: Alert.objects.filter(tenant=ID).order_by("-id")[:51], ("alert_recent",)),
    "the steps of an execution": (
        lambda: StepRun.objects.filter(execution=ID).order_by("position"),
        ("step_once_per_execution",),
    ),
    "the executions of an alert": (
        lambda: Execution.objects.filter(alert=ID).order_by("id"),
        ("execution_of_alert", "alert_starts_version_once"),
    ),
    "the executions of an incident": (lambda: Execution.objects.filter(incident=ID), ("execution_of_incident",)),
    "an alert that came before": (lambda: Alert.objects.filter(tenant_id=ID, dedup_key="x").values_list("id"), ("alert_once", *ALIKE_WHEN_EMPTY)),
    "an alert that came before, beyond the edge of an hour": (
        lambda: Alert.objects.exclude(edge_key=Literal("")).filter(tenant_id=ID, edge_key="x").values_list("id"),
        ("alert_once_at_edge", *ALIKE_WHEN_EMPTY),
    ),
    "what an alert speaks of": (
        lambda: graph.known(tenant=ID, kinds=["host", "user"], keys=["h1", "u1", "u2"]),
        ("node_once_per_tenant",),
    ),
    "the links of some nodes": (
        lambda: Link.objects.filter(Q(source__in=[ID]) | Q(target__in=[ID]), tenant_id=ID),
        ("link_once", "entities_link_target_id"),
    ),
    "the delivery of an entry": (lambda: Delivery.objects.filter(entry=ID), ("delivery_once_per_handler",)),
    "the undos of a step": (lambda: StepRun.objects.filter(undo_of=ID), ("step_undone",)),
    "the iterations of a step": (lambda: StepRun.objects.filter(iteration_of=ID), ("step_repeated",)),
    "the execution that a step has started": (lambda: Execution.objects.filter(parent_step=ID), ("step_starts_one_child",)),
    "the calls of an execution": (
        lambda: Call.objects.filter(owner_kind="execution", owner_id=str(ID)).order_by("id"),
        ("call_by_owner",),
    ),
    "a stream": (lambda: Entry.objects.filter(stream="execution:1", seq__gt=3).order_by("seq"), ("entry_seq_once_per_stream",)),
    "a tenant's trail, newest first": (lambda: Entry.objects.filter(tenant_id=ID).order_by("-id")[:51], ("entry_by_tenant",)),
    "entries about something": (
        lambda: Entry.objects.filter(subject_kind="step", subject_id=str(ID)).order_by("-id")[:51],
        ("entry_by_subject",),
    ),
    "entries that name something": (lambda: EntryRef.objects.filter(kind="alert", ref_id=str(ID)), ("ref_by_target",)),
}


def plan(rows: QuerySet) -> str:
    """How the database would read these rows if it read no table from end to end where it can help it.

    What it remembers of the rows of other tests, such as that all of them belong to one tenant, is out of the way.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("DELETE FROM pg_statistic WHERE starelid = %s::regclass", [rows.model._meta.db_table])
            # And a table with next to nothing in it is sorted as cheaply as it is read in order.
            cursor.execute(
                "UPDATE pg_class SET reltuples = 1e6, relpages = 1 WHERE oid = %s::regclass AND pg_relation_size(oid) > 0",
                [rows.model._meta.db_table],
            )
    return str(rows.explain())


@pytest.mark.django_db
@pytest.mark.parametrize("name", QUERIES)
def test_an_index_serves(name):
    rows, indexes = QUERIES[name]
    found = plan(rows())
    assert any(index in found or (connection.vendor == "sqlite" and "autoindex" in found) for index in indexes), found
    assert "Seq Scan" not in found
    assert not re.search(r"SCAN \w+$", found, re.MULTILINE), found


@pytest.mark.django_db
@pytest.mark.parametrize("model", apps.get_models(), ids=lambda model: model._meta.label)
def test_what_a_model_declares_is_in_the_database(model):
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, model._meta.db_table)
    declared = {one.name for one in (*model._meta.indexes, *model._meta.constraints)}
    assert declared <= set(there)


@pytest.mark.django_db
def test_the_index_of_notices_that_are_due_holds_none_that_were_given_up():
    given_up = Notice.objects.filter(sent_at=None, attempts__gte=Literal(6), next_at__lte=NOW).order_by("next_at")
    assert "notice_due" not in plan(given_up)


@pytest.mark.django_db
def test_a_query_that_no_index_serves_is_noticed():
    found = plan(Tenant.objects.filter(name="x"))
    assert "Seq Scan" in found or "SCAN accounts_tenant" in found


@pytest.mark.django_db
def test_what_is_due_is_what_the_sweep_hands_out():
    assert driving.due(now=clock.now()).count() == driving.sweep_executions() == 0
