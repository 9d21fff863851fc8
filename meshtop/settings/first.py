"""The first settings file, for `meshtop config init`: every key as a comment, with its default."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from meshtop.settings.document import ConfigError

FIRST_FILE = """\
# meshtop.yaml: every key is optional; what is commented out shows the default.
# Flags win over MESHTOP_... variables, and those over this file. `meshtop config view` says which source won.

# refresh: 5s            # how often every source is asked
# window: 5m             # over how long rates and latencies are measured
# timeout: 5s            # how long one cluster may take
# readOnly: false        # true takes everything that writes out of the program
# color: auto            # auto, always, never
# ascii: false           # true draws with plain ASCII only
# mouse: true
# plots: auto            # auto, braille, or blocks where the font has no braille
# theme: null
# apdexMs: 500           # a request no slower than this satisfies; up to four times as slow is tolerated
# tenancy: tenancy.yaml  # `meshtop config init --tenancy` writes a first one from what it finds
# access: {policy: access.yaml, user: auto}   # user: who Kubernetes says you are, or a name
# tenantLabel: null      # a namespace label that names the tenant, beside the marks meshtop knows

# clusters:              # when given, these and no others; else every context of the kubeconfig
#   - name: east
#     context: east-admin              # or kubeconfig: FILE
#     readOnly: true
#     prometheus:                      # when left out: found by itself
#       url: http://127.0.0.1:9090     # or service: istio-system/prometheus:9090
#       headers: {X-Scope-OrgID: team-a}
#       bearerTokenFile: /path/to/token
#       basicAuth: {username: reader, passwordFile: /path/to/password}
#       caFile: /path/to/ca.crt
#       clientCertFile: /path/to/client.crt
#       clientKeyFile: /path/to/client.key
#       insecureSkipVerify: false
#       matchers: {cluster: east}      # added to every selector

# telemetry:             # one engine above all clusters (Thanos, Mimir, Cortex, VictoriaMetrics)
#   url: https://thanos.example/
#   clusterLabel: cluster
#   clusterNames: {east: prod-east-1}  # where the label's value differs from the cluster's name

# findings:              # what `get findings` and `analyze` leave out: a code, or a code and its objects
#   ignore: [IST0118, "IST0102=Namespace kube-*"]

# slos:                  # objectives of services; those that recording rules measure are found by themselves
#   - name: reviews-available
#     service: us-east/shop/reviews    # CLUSTER/NAMESPACE/SERVICE, * stands for anything
#     objective: 99.9%
#     window: 30d
#   - {name: reviews-fast, service: "*/shop/reviews", objective: 99%, latencyMs: 250}

# health:                # shares from 0 to 1
#   http5xxDegraded: 0.01
#   http5xxFailing: 0.1
#   http4xxDegraded: 0.1
#   http4xxFailing: 0.2
#   grpcDegraded: 0.01
#   grpcFailing: 0.1
#   noResponseDegraded: 0.01
#   noResponseFailing: 0.1
#   alpha: 0.001         # how often a verdict may be wrong
#   release: 0.5         # taken back below this share of a bound
#   slower: 2            # times slower than its own past, and by slowerMs: 20
#   groupDegraded: 0.1   # share of members or requests
#   groupFailing: 0.5
"""


def write_first_file(path: Path) -> None:
    """Write the commented first file; raises ConfigError when it exists already, or cannot be written."""
    write_new(path, FIRST_FILE)


def refuse_existing(path: Path) -> None:
    """Raise ConfigError when a file that is to be written exists already: before anything is asked for it."""
    if path.exists():
        raise ConfigError(f"{path} already exists and was not changed; edit it, or name another file with --config.")


def write_new(path: Path, text: str) -> None:
    """Create a file; raises ConfigError when it exists already, or cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(
            f"{path} already exists and was not changed; edit it, or name another file with --config."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from error


class FoundCluster(Struct, frozen=True, kw_only=True):
    """What was found of one context: whether its cluster answered, or why not, and whether a Prometheus was found.

    `endpoint` is where that is, "" where there is none.
    """

    name: str
    context: str
    answers: bool
    why: str = ""
    endpoint: str = ""


def found_file(clusters: Sequence[FoundCluster], *, tenancy: str | None) -> str:
    """The first file with what differs from the defaults in these clusters, above every key that is explained.

    Clusters are named where some do not answer, or have no Prometheus that is found by itself: those that need nothing
    are found by their contexts. `tenancy` is the tenancy file's name, if there is one.
    """
    lines: list[str] = []
    if tenancy is not None:
        lines += [f"tenancy: {json.dumps(tenancy)}", ""]
    answering = [one for one in clusters if one.answers]
    silent = [one for one in clusters if not one.answers]
    without = [one for one in answering if not one.endpoint]
    if answering and (silent or without):
        lines.append("clusters:")
        for one in answering:
            lines += [f"  - name: {json.dumps(one.name)}", f"    context: {json.dumps(one.context)}"]
            if not one.endpoint:
                lines += ["    # No Prometheus was found here; name it, or traffic stays unknown:"]
                lines += ["    # prometheus: {service: istio-system/prometheus:9090}"]
    if silent:
        lines.append("# Left out, since nothing answered:" if answering else "# No cluster answered:")
        lines += [f"#   {' '.join(one.name.split())}: {' '.join(one.why.split())}" for one in silent]
    fine = [one for one in answering if one.endpoint]
    if fine:
        lines.append("# Prometheus was found by itself:")
        lines += [f"#   {' '.join(one.name.split())}: {' '.join(one.endpoint.split())}" for one in fine]
    first, _, rest = FIRST_FILE.partition("\n\n")
    head = f"{first}\n# What was found is set here; the rest explains every key.\n\n" + "\n".join(lines)
    return f"{head}\n\n{rest}" if lines else FIRST_FILE
