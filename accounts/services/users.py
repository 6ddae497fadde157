"""People and service accounts."""

import datetime as dt

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict, Invalid


class UsernameTaken(Conflict):
    """There is a user with this name already."""

    code = "username_taken"


class WeakPassword(Invalid):
    """The password is too weak."""

    code = "weak_password"


def create(
    *,
    username: str,
    actor: Actor,
    now: dt.datetime,
    password: str = "",
    email: str = "",
    is_service: bool = False,
    is_superuser: bool = False,
    check_password: bool = True,
) -> User:
    """Return a new user. A service account, or one without a password, cannot log in. Raises UsernameTaken, WeakPassword, Invalid."""
    user = User(
        username=username, email=email, is_service=is_service, is_staff=not is_service, is_superuser=is_superuser, date_joined=now
    )
    try:
        user.clean_fields(exclude=["password"])
        if password and check_password:
            validate_password(password, user)
    except ValidationError as error:
        kind = Invalid if hasattr(error, "error_dict") else WeakPassword
        raise kind(" ".join(error.messages)) from error
    user.password = make_password(None if is_service or not password else password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            journal.append(
                stream=f"user:{user.pk}",
                kind=Kind.USER_CREATED,
                actor=actor,
                now=now,
                subject=("user", user.pk),
                data={"username": username, "service": is_service, "superuser": is_superuser},
            )
    except IntegrityError as error:
        raise UsernameTaken(f"There is a user {username!r} already.") from error
    return user
