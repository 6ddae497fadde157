"""Answers to POSTs are given again for a month, and not kept for ever."""

import datetime as dt

import pytest

from accounts.choices import Role
from accounts.models import IdempotencyKey
from accounts.services import keys
from accounts.tasks import forget_keys
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW


def used(user, key, at):
    return IdempotencyKey.objects.create(user=user, key=key, fingerprint="f", status=201, answer={}, created_at=at)


def test_keys_are_forgotten_when_their_time_is_over(monkeypatch):
    user = factories.user(Role.ANALYST, factories.tenant())
    for number in range(3):
        used(user, f"old-{number}", NOW - keys.KEPT - dt.timedelta(seconds=1))
    used(user, "kept", NOW - keys.KEPT)
    monkeypatch.setattr(keys, "AT_ONCE", 2)
    assert keys.forget(now=NOW) == 3
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["kept"]


def test_the_task_leaves_what_is_new():
    used(factories.user(Role.ANALYST, factories.tenant()), "new", NOW + dt.timedelta(days=365 * 50))
    assert (forget_keys(), IdempotencyKey.objects.count()) == (0, 1)
