"""Everything that reads clusters: their logins, their API servers, their Prometheus engines."""

import sys

# httpx imports its own command line wherever it can, and with it rich: a tenth of the time that printing a list takes.
# Without it httpx works as it does where `httpx[cli]` is not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
