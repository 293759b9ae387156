"""A relay on loopback between a server and its remote terminology server: counts, can be slow, can be led elsewhere."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """`to` is the port that connections lead to (None: they are closed at once); `delay` holds up each request, in seconds.

    `requests` are the first lines of what was sent.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.to: int | None = None
        self.delay = 0.0
        self.requests: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.to is None:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.to))
                threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if asking:
                    if data.startswith((b"GET ", b"POST ")):
                        self.requests.append(data.partition(b"\r\n")[0].decode())
                    time.sleep(self.delay)
                if self.to is None:
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def relay() -> Iterator[Relay]:
    found = Relay()
    try:
        yield found
    finally:
        found.close()
