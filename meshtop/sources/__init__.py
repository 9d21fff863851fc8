"""Everything that reads: kubeconfig, Kubernetes, Prometheus, PromQL, registries, recordings."""

import sys

# Httpx takes its own command line along where it can be imported, and with it rich: a tenth of what printing a list
# takes. Without it httpx does what it does where `httpx[cli]` is not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
