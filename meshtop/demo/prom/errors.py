"""The errors of a query, each with the ``errorType`` and HTTP status that Prometheus gives it."""

from __future__ import annotations

from typing import ClassVar


class QueryError(Exception):
    """A query cannot be answered; the message is what the client reads in ``error``."""

    kind: ClassVar[str] = "internal"
    status: ClassVar[int] = 500


class BadData(QueryError):
    """The request itself is wrong: syntax, an unknown function, a malformed parameter."""

    kind = "bad_data"
    status = 400


class ExecutionError(QueryError):
    """The query is well formed, but evaluating it failed (many-to-many matching, too many samples)."""

    kind = "execution"
    status = 422


class QueryTimeout(QueryError):
    """Evaluation took longer than the query's time limit."""

    kind = "timeout"
    status = 503


class NotFound(QueryError):
    """There is no such endpoint."""

    kind = "not_found"
    status = 404
