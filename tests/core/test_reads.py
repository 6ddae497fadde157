"""A query that is compiled once answers as the ORM does, however often it is asked."""

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.test.utils import CaptureQueriesContext

from accounts.models import Environment, Tenant
from core import clock
from core.reads import Read

pytestmark = pytest.mark.django_db

ENVIRONMENT = Read(lambda pk: Environment.objects.select_related("tenant").filter(pk=pk))
NAMES = Read(lambda ids: Tenant.objects.filter(pk__in=ids).order_by("slug").values_list("pk", "slug", "approve_notifications"))
MADE = Read(lambda moment: Tenant.objects.filter(created_at__gt=moment).values_list("created_at"))


@pytest.fixture
def tenants():
    rows = [Tenant.objects.create(slug=f"t{number}", name=f"T {number}") for number in range(3)]
    for row in rows:
        Environment.objects.create(tenant=row, slug="production", name="Production", is_default=True)
    return rows


def test_each_asking_gets_its_own_answer(tenants):
    for row in Environment.objects.all():
        found = ENVIRONMENT.first(pk=row.pk)
        assert (found, found.tenant, found.name) == (row, row.tenant, row.name)
    assert ENVIRONMENT.first(pk=uuid.uuid4()) is None


def test_what_it_selects_beside_a_row_is_not_asked_for_again(tenants):
    row = Environment.objects.first()
    with CaptureQueriesContext(connection) as queries:
        assert ENVIRONMENT.first(pk=row.pk).tenant.slug
    assert len(queries) == 1


def test_it_sees_what_was_changed_since(tenants):
    assert NAMES.all(ids=[tenants[0].pk]) == [(tenants[0].pk, "t0", tenants[0].approve_notifications)]
    Tenant.objects.filter(pk=tenants[0].pk).update(slug="other")
    assert NAMES.all(ids=[tenants[0].pk])[0][1] == "other"


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_list_may_have_any_length(tenants, count):
    for _ in range(2):
        assert [slug for _, slug, _ in NAMES.all(ids=[row.pk for row in tenants[:count]])] == ["t0", "t1", "t2"][:count]


def test_moments_and_what_comes_back_keep_their_types(tenants):
    past = clock.now() - dt.timedelta(hours=1)
    assert sorted(MADE.all(moment=past)) == sorted(Tenant.objects.values_list("created_at"))
    assert MADE.all(moment=clock.now() + dt.timedelta(hours=1)) == []


def test_a_row_that_was_read_can_be_saved(tenants):
    found = ENVIRONMENT.first(pk=Environment.objects.first().pk)
    found.name = "changed"
    found.save()
    assert Environment.objects.get(pk=found.pk).name == "changed"


def test_annotations_stand_on_the_row(tenants):
    names = Environment.objects.filter(tenant=OuterRef("pk")).values("slug")
    read = Read(lambda pk: Tenant.objects.filter(pk=pk).annotate(first=Subquery(names[:1])))
    assert read.first(pk=tenants[0].pk).first == "production"


def test_text_is_compared_and_never_run(tenants):
    read = Read(lambda slug: Tenant.objects.filter(slug=slug))
    assert read.all(slug="' OR 1=1 --") == []
    assert [row.pk for row in read.all(slug="t1")] == [tenants[1].pk]


def test_a_query_with_a_percent_sign_is_refused(tenants):
    with pytest.raises(ValueError, match="percent"):
        Read(lambda slug: Tenant.objects.filter(slug=slug).extra(where=["name LIKE 'T%%'"])).all(slug="t1")


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite plans a statement when it is compiled")
def test_the_server_plans_it_once(tenants):
    for _ in range(4):
        ENVIRONMENT.first(pk=uuid.uuid4())
    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE %s", ["%accounts_environment%"])
        assert cursor.fetchall() == [(3, 0)]
