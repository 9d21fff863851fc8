"""Answers of httpx's kind that are taken apart only as far as somebody looks at them.

httpx makes an object of all fields of every answer, and of its body once more: of fifty clusters that are read, a
twentieth of all CPU. Most readers look at the status, at one field and at the body.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

ABOUT_THE_BODY = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
"""Fields that tell how a body was sent, in lower case: of one that was read and decompressed they are not true."""
_NOTHING = httpx.ByteStream(b"")


class BufferedStream(httpx.AsyncByteStream):
    """A body that may have come whole already."""

    def at_once(self) -> bytes | None:
        """All of it, as it was sent, if it is there; None, and nothing is taken, if more is to come."""
        return None


class HttpAnswer(httpx.Response):
    """An answer with the fields of its head as they came; `headers` is made of them where somebody asks for it.

    With a `body` it was read and decompressed, and what its fields say of how it was sent is left out.
    """

    def __init__(
        self,
        status: int,
        fields: list[tuple[bytes, bytes]],
        *,
        stream: httpx.AsyncByteStream = _NOTHING,
        body: bytes | None = None,
        request: httpx.Request | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        self.sent_fields = fields
        self._body = body
        self._headers: httpx.Headers | None = None
        super().__init__(status, stream=stream, request=request, extensions=dict(extensions or {}))
        self._headers = None
        self.is_closed = self.is_stream_consumed = body is not None

    @property
    def headers(self) -> httpx.Headers:
        """All fields."""
        if self._headers is None:
            fields = self.sent_fields
            if self._body is not None:
                fields = [(name, value) for name, value in fields if name.lower() not in ABOUT_THE_BODY]
                if self._body:
                    fields.append((b"Content-Length", b"%d" % len(self._body)))
            self._headers = httpx.Headers(fields)
        return self._headers

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        """Other fields, as httpx's own answers can be given."""
        self._headers = headers

    @property
    def content(self) -> bytes:
        """The body, decompressed. Raises httpx.ResponseNotRead."""
        return super().content if self._body is None else self._body

    def read(self) -> bytes:
        """The body, decompressed."""
        return super().read() if self._body is None else self._body

    async def aread(self) -> bytes:
        """The body, decompressed."""
        return await super().aread() if self._body is None else self._body

    def first_look(self, name: bytes) -> str | None:
        """A field by its name in lower case, "" where there is none; None where only `headers` can tell."""
        if self._headers is not None or (self._body is not None and name in ABOUT_THE_BODY):
            return None
        found = [value for key, value in self.sent_fields if key.lower() == name]
        if not found:
            return ""
        return found[0].decode("ascii") if len(found) == 1 and found[0].isascii() else None


def field_of(response: httpx.Response, name: bytes) -> str:
    """One field of an answer by its name in lower case; "" where it has none."""
    found = response.first_look(name) if isinstance(response, HttpAnswer) else None
    return response.headers.get(name.decode("ascii"), "") if found is None else found


def sent_fields(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    """The fields of an answer's head as they came."""
    return response.sent_fields if isinstance(response, HttpAnswer) else response.headers.raw
