"""Remote secrets that are out of date, told without their data."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshtop.analysis.fleet.links import Site
from meshtop.analysis.fleet.remote_secrets import secret_findings
from meshtop.model.kube import Inventory, KindStatus, Meta, Namespace, RemoteSecret
from meshtop.model.mesh import ControlPlane, MeshFacts
from meshtop.model.telemetry import Scalar, Telemetry
from meshtop.sources.kubernetes.kinds import REMOTE_SECRETS

DAY = 86_400.0


def site(
    name: str,
    *secrets: RemoteSecret,
    cluster_id: str | None = "",
    born: float = 0.0,
    synced: dict[str, str] | None = None,
    **more: Any,
) -> Site:
    """A cluster with an istiod that has these secrets; `born` is when it was made."""
    samples = tuple(
        Scalar("istiod_remote_cluster_sync_status", {"cluster": peer, "status": status}, 1.0)
        for peer, status in (synced or {}).items()
    )
    return Site(
        name=name,
        context=f"{name}-admin",
        inventory=Inventory(
            namespaces=(Namespace(meta=Meta(name="kube-system", created=born)),), remote_secrets=secrets, **more
        ),
        facts=MeshFacts(
            cluster_id=name if cluster_id == "" else cluster_id,
            mesh_id="m",
            control_planes=(ControlPlane(revision="default"),),
        ),
        telemetry=Telemetry(at=0, window_seconds=1, control=samples) if synced else None,
    )


def secret(cluster_id: str | None, *, name: str = "", created: float = 10 * DAY, written: float = 0.0) -> RemoteSecret:
    meta = Meta(name=name or f"istio-remote-secret-{cluster_id}", namespace="istio-system", created=created)
    return RemoteSecret(meta=meta, cluster_id=cluster_id, written=written)


def codes(*sites: Site, everybody: bool = True) -> list[tuple[str, str]]:
    return [(cluster, finding.code) for cluster, finding in secret_findings(sites, everybody)]


CASES: list[tuple[str, list[Site], list[tuple[str, str]]]] = [
    ("all is well", [site("a", secret("b"), synced={"b": "synced"}), site("b", born=DAY)], []),
    ("made together", [site("a", secret("b")), site("b", born=10 * DAY + 60)], []),
    ("made anew", [site("a", secret("b")), site("b", born=11 * DAY)], [("a", "SECRET-OLDER-THAN-CLUSTER")]),
    ("made anew, and the secret too", [site("a", secret("b", written=12 * DAY)), site("b", born=11 * DAY)], []),
    ("gone", [site("a", secret("z"), synced={"z": "timeout"}), site("b")], [("a", "SECRET-CLUSTER-GONE")]),
    ("not read from here, and well", [site("a", secret("z"), synced={"z": "synced"}), site("b")], []),
    ("no metrics of it", [site("a", secret("z")), site("b")], []),
    ("another id", [site("a", secret("b")), site("b", cluster_id="blue")], [("a", "SECRET-ID-DIFFERS")]),
    ("an id that is not known", [site("a", secret("b")), site("b", cluster_id=None)], []),
    ("twice", [site("a", secret("b"), secret("b", name="again")), site("b")], [("a", "SECRET-SAME-CLUSTER")] * 2),
    ("not used", [site("a", secret("b"), secret("c"), synced={"c": "synced"}), site("b"), site("c")],
     [("a", "SECRET-NOT-USED")]),
    ("a handmade one that hints at nothing", [site("a", secret(None, name="x")), site("b", born=11 * DAY)], []),
]  # fmt: skip


@pytest.mark.parametrize(("sites", "found"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_what_a_secret_is_like(sites: list[Site], found: list[tuple[str, str]]) -> None:
    assert codes(*sites) == found


def test_where_secrets_or_clusters_were_not_read_nothing_is_claimed() -> None:
    denied = (KindStatus(kind="Secret", state="denied"),)
    assert codes(site("a", secret("b"), kinds=denied), site("b", born=11 * DAY)) == []
    gone = site("a", secret("z"), synced={"z": "timeout"})
    assert codes(gone, everybody=False) == []
    assert codes(gone, site("b", cluster_id=None)) == [], "it may be the cluster whose id is not known"


def test_an_istiod_that_is_not_in_sync_makes_it_an_error() -> None:
    sites = [site("a", secret("b"), synced={"b": "timeout"}), site("b", born=11 * DAY)]
    (finding,) = [one for _, one in secret_findings(sites, True)]
    assert finding.severity.value == "error"
    assert "was written 1d before b itself was made" in finding.message
    assert finding.fix == "istioctl create-remote-secret --context b-admin --name b | kubectl apply -f -"


def test_when_a_secret_was_written_last_is_in_its_metadata() -> None:
    writes = [
        {"manager": "kubectl", "time": "2026-08-01T00:00:00Z"},
        {"manager": "helm", "time": "2026-08-02T00:00:00Z"},
    ]
    meta = {
        "name": "s",
        "namespace": "istio-system",
        "managedFields": writes,
        "creationTimestamp": "2026-07-01T00:00:00Z",
    }
    body = msgspec.json.encode({"metadata": {}, "items": [{"metadata": meta, "data": {"b": "c2VjcmV0"}}]})
    (found,) = REMOTE_SECRETS.page(body).objects
    assert found.written - found.meta.created == 32 * DAY
    assert "c2VjcmV0" not in repr(found)
