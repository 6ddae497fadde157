"""Secrets at rest: Fernet with rotating keys, apart from Django's SECRET_KEY.

Keys come from RUNBOOKPILOT_SECRET_KEYS (newest first) or, embedded, from a file that is made on first use.
"""

import functools
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from core import private_files


class UnreadableSecret(Exception):
    """A stored secret does not open with any of the configured keys."""


def encrypt(content: bytes) -> bytes:
    """Return `content` encrypted with the newest key."""
    return ring().encrypt(content)


def decrypt(token: bytes) -> bytes:
    """Return what `encrypt` was given; raises UnreadableSecret where no key fits."""
    try:
        return ring().decrypt(token)
    except InvalidToken as error:
        raise UnreadableSecret(
            "A stored secret cannot be opened: the key that encrypted it is missing from RUNBOOKPILOT_SECRET_KEYS."
        ) from error


def rotate(token: bytes) -> bytes:
    """Return `token` encrypted anew with the newest key."""
    return ring().rotate(token)


@functools.cache
def ring() -> MultiFernet:
    """Return the keys of this process, made ready once."""
    keys = settings.SECRET_KEYS or load_or_make(Path(settings.DATA_DIR) / "keys" / "secrets.keys")
    return MultiFernet([Fernet(key) for key in keys])


def load_or_make(path: Path) -> list[str]:
    """Return the keys in the file at `path`, one a line, newest first; make the file with one key where it is missing."""
    try:
        return path.read_text().split()
    except FileNotFoundError:
        private_files.write_private(path, Fernet.generate_key() + b"\n")
        return path.read_text().split()
