"""The registry of all kinds by name and alias; a kind's module is imported on first use."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtop.views.frame.filter import FilterError

if TYPE_CHECKING:
    from meshtop.views.frame.view import AnyView


class Kind(Struct, frozen=True):
    """A kind's names and the module that holds its `VIEW`."""

    name: str
    singular: str
    aliases: tuple[str, ...]
    summary: str
    hidden: bool = False
    """A view that is reached by an option or from a screen, and has no name of its own on the command line."""
    home: str = ""
    """The module of a kind that knows several others, which stands among the reports."""

    @property
    def module(self) -> str:
        """The module of its view."""
        return self.home or f"meshtop.views.kinds.{self.name}"


KINDS = (
    Kind("clusters", "cluster", ("cl",), "one row for each cluster: state, versions, mesh, golden signals"),
    Kind("namespaces", "namespace", ("ns",), "namespaces: injection, revision, mode, tenant, traffic"),
    Kind("services", "service", ("svc",), "services: hosts, ports, workloads, where they run, traffic, health"),
    Kind(
        "workloads", "workload", ("wl", "deploy", "deployments"), "workloads: pods, proxy, traffic in and out, health"
    ),
    Kind("virtualmachines", "virtualmachine", ("vm", "vms"), "workloads outside Kubernetes: address, group, health"),
    Kind("edges", "edge", ("ed",), "who calls whom: protocol, golden signals, codes, mutual TLS"),
    Kind("mtls", "mtls", (), "mutual TLS of workloads: declared, observed, findings; --edges for calls"),
    Kind("trust", "trust", (), "pairs of clusters: whether they trust each other's certificates, and why"),
    Kind("certificates", "certificate", ("cert", "certs"), "root and other certificates, the first to expire first"),
    Kind("tenants", "tenant", ("tn", "workspaces"), "tenants and workspaces: golden signals, crossings, mutual TLS"),
    Kind("canaries", "canary", ("can",), "weighted routes: weights set and seen, each version's health, verdict"),
    Kind("members", "member", ("mb",), "members of federations: their registry's view, and as seen from here"),
    Kind(
        "federated",
        "federatedobject",
        ("fed", "propagated"),
        "what federations propagate: which members should have it, which have it, overrides, what failed",
    ),
    Kind("tenantmatrix", "tenantpair", (), "traffic from tenant to tenant", hidden=True),
    Kind("tenanttree", "tenantnode", ("tree",), "organization, tenants, workspaces, namespaces as a tree", hidden=True),
    Kind("controlplanes", "controlplane", ("cp", "istiod"), "revisions of istiod: proxies, convergence, remotes"),
    Kind("discovery", "discovery", ("disc", "hosts"), "hosts: which clusters resolve them and reach their endpoints"),
    Kind("localities", "locality", ("loc",), "hosts: endpoints by cluster and zone, and the traffic that crosses"),
    Kind("drift", "drift", (), "objects that are not the same in every cluster that should have them; exits with 1"),
    Kind(
        "attention",
        "attention",
        ("now", "att"),
        "what needs somebody: causes with their consequences, since when, who is hit; the worst first",
        home="meshtop.views.reports.attention.view",
    ),
    Kind(
        "changes",
        "change",
        ("changed", "chg"),
        "what changed in the last day: who, what, before and after, and what it is suspected of; the newest first",
        home="meshtop.views.reports.changes.view",
    ),
    Kind(
        "alerts", "alert", ("al",), "alerts that fire or wait in each Prometheus, and the objects that they are about"
    ),
    Kind("slos", "slo", ("objectives",), "objectives: how much of the error budget is left, and how fast it burns"),
    Kind("mtlsedges", "mtlsedge", (), "what client and server declare for each call, and what follows", hidden=True),
    Kind("findings", "finding", (), "what is wrong: configuration, mutual TLS, trust, certificates, fleet; with fixes"),
    Kind("mtlsmatrix", "mtlspair", (), "mutual TLS from namespace to namespace", hidden=True),
)


def names() -> tuple[str, ...]:
    """The kinds' names."""
    return tuple(kind.name for kind in KINDS if not kind.hidden)


def find_kind(name: str) -> Kind:
    """The kind by name, singular or alias, ignoring case. Raises FilterError with the nearest name."""
    known = {alias: kind for kind in KINDS for alias in (*kind.aliases, kind.singular, kind.name)}
    found = known.get(name.lower())
    if found is not None:
        return found
    from difflib import get_close_matches  # here, as it is for who mistypes

    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean {known[close[0]].name}?" if close else f"there are {', '.join(names())}."
    raise FilterError(f"There is no kind {name}; {hint}")


@cache
def view(name: str) -> AnyView:
    """The view of a kind, by any of its names. Raises FilterError."""
    found: AnyView = import_module(find_kind(name).module).VIEW
    return found
