"""A PostgreSQL cluster of our own, which may be ended as by a power cut; the machine's own is never touched."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from tests.chaos.tree import free_port

#: PostgreSQL refuses to run as root.
USER = "postgres" if os.geteuid() == 0 else None
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class Cluster:
    """`initdb` into a folder, started and ended at will."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        if USER:
            shutil.chown(folder, USER)
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", f"--pgdata={folder}")
        self.start()
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE chaos")

    def url(self, name: str = "chaos") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c max_connections=200"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self.folder}", f"--log={self.folder}/log", "-o", options)

    def stop(self) -> None:
        """End it at once, without a word to anybody: the next start recovers."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", f"--pgdata={self.folder}")

    def cut(self) -> int:
        """Terminate every connection to the database of the house; return how many there were."""
        statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'chaos' AND pid <> pg_backend_pid()"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute(statement).fetchone()
        return int(row[0]) if row else 0

    def end(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()

    def _run(self, program: str, *options: str) -> None:
        found = shutil.which(program, path=os.pathsep.join([*map(str, PLACES), os.environ["PATH"]])) or program
        subprocess.run(
            [found, *options], user=USER, cwd="/", check=True, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def is_there() -> bool:
    """Return whether PostgreSQL's programs are."""
    return bool(PLACES) or shutil.which("initdb") is not None
