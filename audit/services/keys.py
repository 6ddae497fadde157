"""Rotating the key that signs bundles and checkpoints."""

import datetime as dt

from django.db import transaction

from audit import journal
from audit.choices import Kind
from core import signing
from core.actors import Actor


def rotate(*, actor: Actor, now: dt.datetime) -> signing.PublicKey:
    """Make a new key, which signs from now on, and return its public half; what the old ones signed still verifies."""
    known = {key.key_id for key in signing.public_keys()}
    with transaction.atomic():
        signing.generate(now)
        (made,) = (key for key in signing.public_keys() if key.key_id not in known)
        journal.append(
            stream="keys", kind=Kind.KEY_ROTATED, actor=actor, now=now, subject=("key", made.key_id),
            data={"key": made.key_id, "public": made.key, "before": sorted(known)},
        )  # fmt: skip
    return made
