"""Every code of a finding on the configuration: its severity and its meaning.

Codes that begin with IST are those of Istio's own messages (reference: Istio, configuration analysis messages), with
its levels, so that a finding here and one of `istioctl analyze` can be compared; the wording is meshtop's. The others
need several clusters or telemetry, which `istioctl` does not have.
"""

from __future__ import annotations

from msgspec import Struct

from meshtop.model.state import Severity

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO


class FindingCode(Struct, frozen=True):
    """A code with its severity and its meaning in one sentence."""

    code: str
    severity: Severity
    meaning: str


_ISTIO = (
    ("IST0001", _E, "A rule of meshtop failed on this object, which is a defect of meshtop; the other rules ran."),
    ("IST0002", _W, "A deprecated field, kind or provider is used."),
    ("IST0101", _E, "What an object refers to (host, port, subset, gateway, Secret, pods, namespace) does not exist."),
    ("IST0102", _I, "A namespace is not marked for injection, nor marked as left out on purpose."),
    ("IST0103", _W, "A pod of an injected namespace runs without a proxy."),
    ("IST0106", _E, "An object is not of its kind's form, so that it cannot be judged, or a value is not valid."),
    ("IST0107", _W, "An annotation of Istio's stands on a kind of object for which it has no meaning."),
    ("IST0108", _W, "An annotation has a name in Istio's domain that Istio does not know."),
    ("IST0109", _E, "Several VirtualServices set routes of the same host for sidecars; only one of them is used."),
    ("IST0110", _E, "Several Sidecars select the same pod; only the oldest counts."),
    ("IST0111", _E, "Several Sidecars of a namespace have no selector; only the oldest counts."),
    ("IST0112", _E, "A route leads to a host with several ports and does not say which."),
    ("IST0116", _W, "Services that select the same pods use one port for different protocols."),
    ("IST0118", _I, "A Service's port names no protocol, so that the proxy has to guess it."),
    ("IST0123", _W, "A namespace has both kinds of injection labels."),
    ("IST0125", _W, "The value of an annotation is not valid."),
    ("IST0126", _E, "MeshNetworks names a registry that no control plane has."),
    ("IST0127", _W, "A policy selects no workload."),
    ("IST0128", _W, "TLS to a host is set without a CA, so that the server's certificate is not checked."),
    ("IST0129", _W, "TLS to a port is set without a CA, so that the server's certificate is not checked."),
    ("IST0130", _W, "A rule of a route is never reached: earlier rules take all its requests."),
    ("IST0131", _I, "A match of a route is never reached: an earlier match takes its requests."),
    ("IST0132", _W, "None of a VirtualService's hosts is served by a gateway that it names."),
    ("IST0133", _W, "A value is valid but probably not meant, or on its way out."),
    ("IST0134", _W, "A TCP port of a ServiceEntry has no address by which it could be told from others."),
    ("IST0135", _I, "An annotation is deprecated."),
    ("IST0136", _I, "An annotation belongs to a feature in its alpha phase."),
    ("IST0137", _W, "Services that select the same pods lead different ports to the same target port."),
    ("IST0138", _W, "Gateways share a certificate: clients reuse a connection for the wrong one, and get 404."),
    ("IST0139", _E, "An injection webhook overlaps with another one, or calls a Service that does not exist."),
    ("IST0140", _W, "A gateway's route bypasses the subsets that another VirtualService sets for the same host."),
    ("IST0141", _E, "A right that installing Istio needs is missing."),
    ("IST0142", _E, "The version of Kubernetes is older than Istio supports."),
    ("IST0143", _E, "A port of a Service leads to a container that listens on localhost only."),
    ("IST0144", _W, "An application runs as user 1337, whose traffic the proxy does not catch."),
    ("IST0145", _E, "Gateways of the same pods claim the same port and host."),
    ("IST0146", _W, "A Deployment has `image: auto`, and no injection webhook will replace it."),
    ("IST0147", _E, "A pod has `image: auto`, which was not replaced by injection."),
    ("IST0148", _I, "A namespace without a label is injected, as injection is the default of this installation."),
    ("IST0149", _E, "A route depends on a JWT claim, and no RequestAuthentication validates tokens at the gateway."),
    ("IST0150", _W, "A port of an ExternalName Service has a name by which its traffic may not be forwarded."),
    ("IST0151", _W, "An EnvoyFilter without a priority patches relative to what may not be there yet."),
    ("IST0152", _E, "An EnvoyFilter replaces something that can only be merged or removed."),
    ("IST0153", _E, "An EnvoyFilter adds where nothing can be added."),
    ("IST0154", _E, "An EnvoyFilter removes where nothing can be removed."),
    ("IST0155", _W, "An EnvoyFilter patches relatively and for one proxy version, which breaks at an upgrade."),
    ("IST0156", _E, "The installed Gateway API is older than Istio supports."),
    ("IST0157", _W, "Access logging of a Telemetry names no provider, and there is no default one."),
    ("IST0158", _W, "Pods of a namespace run another proxy image than injection would give them today."),
    ("IST0159", _E, "Several Telemetries select the same pod; only the oldest counts."),
    ("IST0160", _E, "Several Telemetries of a namespace have no selector; only the oldest counts."),
    ("IST0161", _E, "The certificate or key of a gateway's Secret is missing, broken or expired."),
    ("IST0162", _W, "A gateway listens on a port that no Service of its pods offers."),
    ("IST0163", _W, "The address of an external control plane in a webhook is missing or no address."),
    ("IST0164", _I, "The address of an external control plane in a webhook is an IP address and no name."),
    ("IST0165", _W, "A VirtualService names a gateway that Istio generated for itself."),
    ("IST0166", _W, "A policy selects the pods of a Gateway API gateway by labels, which is ignored."),
    ("IST0167", _W, "An object has no effect where it is."),
    ("IST0168", _W, "A default changed in the installed release; whether it matters cannot be told."),
    ("IST0169", _W, "A default changed in the installed release, and this configuration depends on it."),
    ("IST0170", _W, "A Service differs from cluster to cluster in its type or ports."),
    ("IST0171", _W, "A controller reports in the object's status that it does not work."),
    ("IST0172", _W, "The installed Gateway API will not be supported by the next releases of Istio."),
    ("IST0173", _E, "A subset selects no pods in any cluster of the mesh."),
    ("IST0174", _W, "The host of a DestinationRule is none of the mesh."),
    ("IST0175", _W, "istiod fetches JWT keys from any address, as nothing limits where from."),
    ("IST0176", _W, "A kind of Gateway API is installed in a version that this Istio does not read."),
    ("IST0177", _W, "ServiceEntries give the same host and port different protocols."),
)
_OWN = (
    ("CONFIG-HOST-DIFFERS", _W, "The same host has other ports or protocols in another cluster of its mesh."),
    ("CONFIG-ROUTE-IDLE", _I, "A route is called by nobody: no request reached its destinations in this window."),
    ("CONFIG-FAULT-LEFT", _W, "A route injects faults."),
    ("CONFIG-MIRROR-LEFT", _I, "A route sends a copy of its requests elsewhere."),
    ("CONFIG-RULE-UNSEEN", _W, "No client sees a DestinationRule, as it is not exported to where clients are."),
    ("CONFIG-DENY-ALL", _W, "An AuthorizationPolicy denies every request to what it selects."),
    ("CONFIG-FAILOVER-BLIND", _W, "Locality failover is set without outlier detection, so that it never happens."),
    ("CONFIG-NO-WAYPOINT", _W, "A policy on requests stands in an ambient namespace without a waypoint to enforce it."),
    ("CONFIG-WAYPOINT-MISSING", _E, "A namespace or Service is to use a waypoint that does not exist."),
    ("CONFIG-KEY-DIFFERS", _E, "The key in a gateway's Secret cannot be read, or is not that of its certificate."),
    ("CONFIG-NOT-OBEYED", _W, "An object stands in a cluster whose proxies obey another cluster's objects."),
)

CODES: dict[str, FindingCode] = {code: FindingCode(code, level, meaning) for code, level, meaning in _ISTIO + _OWN}
"""All codes, Istio's first."""
MULTI_CLUSTER = tuple(code for code, _, _ in _OWN)
"""The codes that are meshtop's own."""


def is_of_istio(code: str) -> bool:
    """Whether a code is one of Istio's messages."""
    return code.startswith("IST")
