"""A relay on loopback in front of a database: cuts a connection where a message says so, before or behind it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cutter:
    """Cuts `times` connections at the first message that contains `at`: it gets through, and its answer does not, if `behind`."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.at, self.behind, self.times = b"", False, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                cut = threading.Event()
                threading.Thread(target=self._ask, args=(near, far, cut), daemon=True).start()
                threading.Thread(target=self._answer, args=(near, far, cut), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if self.times and self.at in data:
                    self.times -= 1
                    cut.set()
                    if not self.behind:
                        break
                far.sendall(data)
        _shut(near, far, late=cut.is_set() and self.behind)

    def _answer(self, near: socket.socket, far: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                if cut.is_set():
                    break
                near.sendall(data)
        _shut(near, far, late=False)


def _shut(near: socket.socket, far: socket.socket, *, late: bool) -> None:
    """Both ends are closed; `late`: when the answer to what got through has come, and was dropped."""
    if late:
        return
    for each in (near, far):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def cutter(to: int) -> Iterator[Cutter]:
    found = Cutter(to)
    try:
        yield found
    finally:
        found.close()
