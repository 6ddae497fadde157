"""One web process as it runs in use, and clients that ask it over real sockets, each on a connection that it keeps."""

import contextlib
import http.client
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import places

CLIENTS = 8
SERVER = ["-m", "uvicorn", "runbookpilot.asgi:application", "--lifespan", "off", "--no-access-log", "--log-level", "warning"]

#: A method, an address and a body.
Ask = tuple[str, str, bytes]


class Client:
    """One connection, kept open, with a token."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}

    def ask(self, what: Ask) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        method, path, body = what
        self.connection.request(method, path, body or None, self.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """The port of a web process that answers."""
    port = places.free_port()
    log = Path(os.environ["RUNBOOKPILOT_DATA"]) / "web.log"
    with places.running([sys.executable, *SERVER, "--port", str(port)], dict(os.environ), log):
        places.until(lambda: _ready(port), "the web did not start", pause=0.1)
        yield port


def timed(client: Client, asks: Sequence[Ask], expected: int) -> list[float]:
    """Return how long each question took; raises where an answer is not what was expected."""
    # A connection that was idle for some seconds may have been closed from the other side; the next question opens another.
    client.close()
    took = []
    for ask in asks:
        begun = time.perf_counter()
        status, body = client.ask(ask)
        took.append(time.perf_counter() - begun)
        if status != expected:
            raise RuntimeError(f"{ask[0]} {ask[1]} answered {status}: {body[:300]!r}")
    return took


def at_once(clients: Sequence[Client], asks: Callable[[int], Sequence[Ask]], expected: int) -> tuple[float, list[float]]:
    """Let all clients ask at once; return the seconds until the last was answered, and how long each question took."""
    found: list[list[float] | Exception] = [[] for _ in clients]

    def work(number: int, client: Client) -> None:
        try:
            found[number] = timed(client, asks(number), expected)
        except Exception as error:  # noqa: BLE001
            # Raised again below, in the thread that measures.
            found[number] = error

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    took: list[float] = []
    for one in found:
        if isinstance(one, Exception):
            raise one
        took += one
    return seconds, took


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False
