"""TLS of one connection, in memory: bytes from the socket in, bytes of the answer out.

asyncio's own keeps 256 KiB for each connection as long as it is open; the forty watches of each of fifty clusters would
hold half a gigabyte of it. OpenSSL's buffers are given back while nothing comes.
"""

from __future__ import annotations

import ssl

_RECORD = 16 * 1024
"""The most bytes in one record of TLS (RFC 8446, section 5.1)."""


class TlsLayer:
    """The client's end of one TLS connection; every method may leave bytes in `to_send`.

    With the `session` of an earlier connection of the same context to the same server, the two need not prove again who
    they are (RFC 8446, section 2.2); a server that does not remember it goes through the whole handshake.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str, session: ssl.SSLSession | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name, session=session)
        self.is_ready = False
        """Whether the handshake is done."""
        self.is_over = False
        """Whether the server has said that nothing more comes."""

    @property
    def went_on(self) -> bool:
        """Whether the server went on with the session that it was given."""
        return bool(self._object.session_reused)

    @property
    def session(self) -> ssl.SSLSession | None:
        """What the next connection may begin with; with TLS 1.3 the server sends it after the handshake."""
        return self._object.session

    def to_send(self) -> bytes:
        """The bytes for the socket, once."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def begin(self) -> None:
        """Begin the handshake. Raises ssl.SSLError or ValueError."""
        self._shake_hands()

    def receive(self, data: bytes) -> bytes:
        """What the server sent in these bytes, decrypted. Raises ssl.SSLError, such as the server's alert."""
        self._incoming.write(data)
        if not self.is_ready:
            self._shake_hands()
            if not self.is_ready:
                return b""
        found: list[bytes] = []
        try:
            while chunk := self._object.read(_RECORD):
                found.append(chunk)
            self.is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_over = True
        return found[0] if len(found) == 1 else b"".join(found)

    def encrypt(self, data: bytes) -> None:
        """Put bytes into `to_send`. Raises ssl.SSLError."""
        # What is in memory takes everything at once; an empty write is none.
        if data:
            self._object.write(data)

    def _shake_hands(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.is_ready = True
