"""Private files that are made on first use. Needs no settings, because settings need it."""

import contextlib
import os
import secrets
from pathlib import Path


def secret_key(path: Path) -> str:
    """Return the text in the file at `path`; make it from random bytes where it is missing."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    write_private(path, secrets.token_urlsafe(64).encode())
    return path.read_text().strip()


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads; where another process wrote it first, leave that one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink()
