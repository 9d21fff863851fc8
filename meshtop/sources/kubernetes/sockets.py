"""Room for many watches: each holds a connection, and fifty clusters have more than a thousand."""

from __future__ import annotations

import contextlib

ENOUGH = 16_384


def allow_many() -> None:
    """Raise this process's own limit of open files as far as is allowed and useful; silent where that cannot be."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
