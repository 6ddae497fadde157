"""Content-addressed file storage: what is put in under its sha256 is never changed."""

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Blob:
    """A stored content: its sha256 in hex and its size in bytes."""

    sha256: str
    size: int


class BlobMissing(FileNotFoundError):
    """A stored content is gone from the disk."""


def put(content: bytes | Iterable[bytes]) -> Blob:
    """Store `content` durably and return its address; storing the same content twice keeps one copy."""
    chunks = [content] if isinstance(content, bytes) else content
    root = _root()
    root.mkdir(parents=True, exist_ok=True)
    hasher, size = hashlib.sha256(), 0
    handle, scratch = tempfile.mkstemp(dir=root)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                hasher.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        target = path(hasher.hexdigest())
        target.parent.mkdir(exist_ok=True)
        os.replace(scratch, target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return Blob(hasher.hexdigest(), size)


def path(sha256: str) -> Path:
    """Return where the content with this sha256 is kept."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(f"{sha256!r} is not a sha256 in hex")
    return _root() / sha256[:2] / sha256


def open_blob(sha256: str) -> BinaryIO:
    """Open a stored content for reading; raises BlobMissing where it is gone."""
    try:
        return path(sha256).open("rb")
    except FileNotFoundError as error:
        raise BlobMissing(f"The content {sha256} is missing from the file storage.") from error


def read(sha256: str) -> bytes:
    """Return a stored content whole."""
    with open_blob(sha256) as file:
        return file.read()


def _root() -> Path:
    return Path(settings.DATA_DIR) / "blobs"
