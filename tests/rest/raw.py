"""Bytes on a socket, for requests that no client library would send."""

import contextlib
import socket

import httpx


def exchange(client: httpx.Client, request: str) -> httpx.Response:
    """The first answer to these bytes."""
    address = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(address, timeout=10) as connection:
        with contextlib.suppress(OSError):  # the server may have closed already; what it said is there to be read
            connection.sendall(request.encode())
        received = b""
        while True:
            try:
                chunk = connection.recv(65536)
            except ConnectionError:
                break
            received += chunk
            head, found, content = received.partition(b"\r\n\r\n")
            if not chunk or (found and len(content) >= _length(head)):
                break
    head, _, content = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return httpx.Response(int(status.split(" ")[1]), headers=headers, content=content)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
