"""An authority of its own for the certificates of peers.

https://www.rfc-editor.org/rfc/rfc5280.html
"""

import ssl

import trustme


class Authority:
    def __init__(self) -> None:
        self._authority = trustme.CA()

    def server(self, name: str) -> ssl.SSLContext:
        """For a server of this name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context

    def trust(self) -> ssl.SSLContext:
        """Believes this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context
