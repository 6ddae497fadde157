"""A whole deployment in one file, and back: database, keys, files of evidence.

The database stands in it as SQLite, whatever it was and whatever it is restored into. A backup is taken while everything
runs; it is what stood there at one moment. Files that the database names only grow, so they are read after it.
"""

import contextlib
import dataclasses
import datetime as dt
import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from accounts.models import Tenant
from accounts.services import stops
from audit import journal
from audit.choices import Kind
from audit.services import checkpoints
from compliance.models import Artifact
from core import blobs, clock
from core.actors import Actor
from core.errors import Conflict, Invalid
from runbookpilot import databases, transfer

FORM = "runbookpilot/backup/v1"
MANIFEST, DATABASE, WITNESS = "manifest.json", "database.sqlite3", "audit/latest-checkpoint.json"
#: What may stand in a backup; anything else is refused, so that a file of a stranger writes nowhere.
NAME = re.compile(r"keys/(?:signing/)?[\w.-]+|blobs/[0-9a-f]{2}/[0-9a-f]{64}|audit/latest-checkpoint\.json|database\.sqlite3")
#: Why nothing writes from what was restored, until somebody says that it may.
STOPPED = "Restored from a backup: what was done since then is not known here. Lift this when somebody has looked."
#: Made anew wherever Django starts; it signs sessions only.
DJANGO_KEY = "keys/django.key"


class AlreadyThere(Conflict):
    """There is a file of this name already, and no backup is overwritten."""

    code = "already_there"


class NotABackup(Invalid):
    """This is no backup of ours, or it is damaged; nothing was restored."""

    code = "not_a_backup"


class OtherKeys(Conflict):
    """The data folder has keys of its own: restore into one that is new or empty."""

    code = "other_keys"


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a backup holds, or what was restored from it; `missing` files of evidence were gone before it was made."""

    rows: int
    entries: int
    files: int
    missing: int
    sha256: str


def backup(*, file: Path, source: dict[str, Any], data: Path, actor: Actor, now: dt.datetime, progress: transfer.Progress) -> Outcome:
    """Write everything into a new `file` that only its owner reads; raises AlreadyThere and what `transfer.copy` raises."""
    if file.exists():
        raise AlreadyThere(f"{AlreadyThere.__doc__} {file}")
    # Noted before the database is read: it must not speak of a checkpoint that the copy does not have.
    witness = _read(checkpoints.witness_path())
    with tempfile.TemporaryDirectory(prefix=".runbookpilot-", dir=file.parent) as name:
        scratch = Path(name)
        with databases.opened("backup-source", _reading(source)) as old, transaction.atomic(using="backup-source"):
            with databases.opened("backup-target", databases.sqlite(scratch / DATABASE)) as new:
                made = transfer.copy(old, new, progress=progress, finish=lambda _: None)
            with databases.as_default(old):
                missing = _missing()
        found = {**_files(data), DATABASE: scratch / DATABASE}
        if witness is not None:
            (scratch / "witness").write_bytes(witness)
            found[WITNESS] = scratch / "witness"
        about = {"form": FORM, "at": clock.iso(now), "from": databases.shown(source), "rows": made.rows, "entries": made.report.entries}
        _pack(scratch / "backup", found, about)
        digest = _sha256(scratch / "backup")
        (scratch / "backup").rename(file)
    outcome = Outcome(made.rows, made.report.entries, len(found) - 1, missing, digest)
    with transaction.atomic():
        journal.append(
            stream="deployment", kind=Kind.DEPLOYMENT_BACKED_UP, actor=actor, now=now, subject=("deployment", "backup"),
            data={"sha256": digest, "rows": made.rows, "entries": made.report.entries},
        )  # fmt: skip
    return outcome


def restore(*, file: Path, target: dict[str, Any], data: Path, actor: Actor, now: dt.datetime, progress: transfer.Progress) -> Outcome:
    """Put everything back into an empty database and a data folder without other keys.

    Every tenant's writes are stopped in it: what was sent since the backup is not known there. Raises NotABackup, OtherKeys,
    and what `transfer.copy` raises; then the database is as empty as before.
    """
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".runbookpilot-", dir=data) as name:
        scratch = Path(name)
        found = _unpack(file, scratch)
        with databases.opened("restore-target", target) as new:
            transfer.require_empty(new)
            _place(found, scratch, data, now)
            with databases.opened("restore-source", databases.sqlite(scratch / DATABASE)) as old:
                _bring_to_this_version(old)
                made = _copied(old, new, file, actor, now, progress)
            with databases.as_default(new):
                missing = _missing()
    return Outcome(made.rows, made.report.entries, len(found) - 1, missing, _sha256(file))


def _copied(
    old: BaseDatabaseWrapper, new: BaseDatabaseWrapper, file: Path, actor: Actor, now: dt.datetime, progress: transfer.Progress
) -> transfer.Copy:
    def finish(made: transfer.Copy) -> None:
        for tenant in Tenant.objects.filter(is_active=True).order_by("slug"):
            stops.engage(tenant=tenant, reason=STOPPED, actor=actor, now=now)
        journal.append(
            stream="deployment", kind=Kind.DEPLOYMENT_RESTORED, actor=actor, now=now, subject=("deployment", "backup"),
            data={"sha256": _sha256(file), "rows": made.rows, "entries": made.report.entries},
        )  # fmt: skip

    with transaction.atomic(using=old.alias):
        return transfer.copy(old, new, progress=progress, finish=finish)


def _reading(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with which a database is read as it stands at one moment, while others write."""
    options = dict(settings["OPTIONS"])
    if settings["ENGINE"].endswith("sqlite3"):
        options["transaction_mode"] = "DEFERRED"
    else:
        options["isolation_level"] = psycopg.IsolationLevel.REPEATABLE_READ
    return {**settings, "OPTIONS": options}


def _files(data: Path) -> dict[str, Path]:
    found = {path.relative_to(data).as_posix(): path for part in ("keys", "blobs") for path in sorted((data / part).rglob("*"))}
    return {name: path for name, path in found.items() if path.is_file() and NAME.fullmatch(name)}


def _pack(file: Path, found: Mapping[str, Path], about: Mapping[str, Any]) -> None:
    digests = {name: _sha256(path) for name, path in found.items()}
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as archive:
            for name, path in found.items():
                archive.add(path, name, recursive=False)
            manifest = json.dumps({**about, "files": digests}, indent=1).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size = len(manifest)
            archive.addfile(member, io.BytesIO(manifest))
        out.flush()
        os.fsync(out.fileno())


def _unpack(file: Path, scratch: Path) -> dict[str, str]:
    """Take the backup apart in a scratch folder; return each file with its digest, all of which are as they were packed."""
    try:
        with tarfile.open(file, mode="r:gz") as archive:
            for member in archive:
                if not member.isfile() or not (member.name == MANIFEST or NAME.fullmatch(member.name)):
                    raise NotABackup(f"{NotABackup.__doc__} {member.name!r} has no place in one.")
                archive.extract(member, scratch, filter="data")
        manifest = json.loads((scratch / MANIFEST).read_text())
        files: dict[str, str] = dict(manifest["files"])
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise NotABackup(NotABackup.__doc__) from error
    if manifest.get("form") != FORM or DATABASE not in files:
        raise NotABackup(NotABackup.__doc__)
    for name, digest in files.items():
        if not NAME.fullmatch(name) or not (scratch / name).is_file() or _sha256(scratch / name) != digest:
            raise NotABackup(f"{NotABackup.__doc__} {name} is not as it was packed.")
    return files


def _place(found: Mapping[str, str], scratch: Path, data: Path, now: dt.datetime) -> None:
    """Put keys and files where they belong; a checkpoint that this machine noted of another time is kept beside."""
    for name, digest in found.items():
        own = data / name
        if name.startswith("keys/") and name != DJANGO_KEY and own.exists() and _sha256(own) != digest:
            raise OtherKeys(f"{OtherKeys.__doc__} {own} is another.")
    noted = data / WITNESS
    if noted.exists():
        noted.rename(noted.with_name(f"before-restore-{now:%Y%m%dT%H%M%S%f}.json"))
    for name in found:
        if name == DATABASE:
            continue
        own = data / name
        own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.replace(scratch / name, own)
        own.chmod(0o600)


def _bring_to_this_version(connection: BaseDatabaseWrapper) -> None:
    """Migrate a backup of an earlier version; raises NotABackup for one of a later."""
    loader = MigrationLoader(connection)
    later = [f"{app}.{name}" for app, name in loader.applied_migrations if (app, name) not in (loader.disk_migrations or {})]
    if later:
        raise NotABackup(f"This backup was made by a later version, which knows {', '.join(sorted(later)[:3])}; nothing was restored.")
    call_command("migrate", database=connection.alias, interactive=False, verbosity=0)


def _missing() -> int:
    """Return how many files of evidence the database names that are not there."""
    return sum(not blobs.path(sha256).is_file() for sha256 in Artifact.objects.values_list("sha256", flat=True).distinct())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return None


