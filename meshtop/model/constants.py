"""Names and bounds that several rooms obey: what Istio and Kubernetes presume, and from where on meshtop says what."""

from __future__ import annotations

ISTIO_NAMESPACE = "istio-system"
"""Where Istio is installed, and its root namespace, where nothing says otherwise."""
CLUSTER_DOMAIN = "cluster.local"
"""The DNS domain of a cluster, and the trust domain of a mesh, where nothing says otherwise."""
SERVICE_DOMAIN = f"svc.{CLUSTER_DOMAIN}"
"""What follows `NAME.NAMESPACE.` in the full host of a Service."""

DEFAULT_WINDOW_SECONDS = 300.0
"""How long rates look back unless the settings say otherwise."""

CONTRADICTED_FROM = 0.05
"""From this disagreement on, the reports of an edge's two ends contradict each other."""
MUTUAL_TLS_FROM = 0.995
"""From this share on, traffic is all mutual TLS: what reads as 100 %."""

DEFAULT_ALPHA = 0.05
"""The share of false alarms that a judgement of a canary may give, however often one looks."""
DEFAULT_MINIMUM_REQUESTS = 200
"""With fewer requests a canary's split is not judged, unless the settings say otherwise."""
DEFAULT_SPLIT_MARGIN = 0.02
"""A share of requests that is off by less than this is not said to be off."""
DEFAULT_MARGIN = 0.005
"""A canary whose share of errors, or of slow answers, is above its baseline's by less than this is not worse."""
DEFAULT_RELATIVE_MARGIN = 0.25
"""... nor one that is above it by less than this part of the baseline's share."""

DEFAULT_STEP_SECONDS = 120.0
"""How long a step of a weight shift stands."""
DEFAULT_GUARD = "errors,latency"
"""What takes a weight shift back when the canary is worse in it."""
