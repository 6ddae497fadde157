"""A vendor on a real socket that answers each connection as it is told to: in drips, never, in garbage, or well."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: What is done with one request on a connection; false ends the connection.
Habit = Callable[[socket.socket], bool]


class Vendor:
    """A server whose connections follow `habits`, one for each request; the last one stays."""

    def __init__(self, *habits: Habit) -> None:
        self.habits = list(habits)
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        # Closing alone leaves the thread that accepts, and with it the port, open.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while request := read_request(connection):
                with self._lock:
                    self.requests.append(request)
                    habit = self.habits.pop(0) if len(self.habits) > 1 else self.habits[0]
                if not habit(connection):
                    break
        except OSError:
            pass
        finally:
            connection.close()


@contextmanager
def vendor(*habits: Habit) -> Iterator[Vendor]:
    """A vendor for the length of the block."""
    server = Vendor(*habits)
    try:
        yield server
    finally:
        server.close()


def read_request(connection: socket.socket) -> bytes:
    """One request with its body, or nothing where the connection has ended."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def answers(status: int = 200, body: bytes = b"{}", **headers: str) -> Habit:
    """Answers well, and stays for the next request."""

    def habit(connection: socket.socket) -> bool:
        lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return True

    return habit


def sends(raw: bytes) -> Habit:
    """Sends these bytes, whatever they are, and ends the connection."""

    def habit(connection: socket.socket) -> bool:
        connection.sendall(raw)
        return False

    return habit


def drips(raw: bytes, every: float) -> Habit:
    """Sends these bytes one by one, and then the last one forever."""

    def habit(connection: socket.socket) -> bool:
        for position in range(100_000):
            connection.sendall(raw[min(position, len(raw) - 1) :][:1])
            time.sleep(every)
        return False

    return habit


def hangs(connection: socket.socket) -> bool:
    """Reads the request and says nothing until the other side leaves."""
    connection.recv(1)
    return False


def breaks_off(_connection: socket.socket) -> bool:
    """Ends the connection without a word."""
    return False
