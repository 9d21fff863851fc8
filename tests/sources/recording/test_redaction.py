"""A redacted recording holds no name of anybody's, and says of each the same wherever it stands."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from meshtop.model.kube import ConfigObject, Container, Meta, Namespace, Pod, Service
from meshtop.model.snapshot import ClusterSnapshot, Snapshot
from meshtop.model.telemetry import Labels, Sample
from meshtop.sources.recording.redaction import Pseudonyms, stand_in
from meshtop.sources.recording.vocabulary import KEPT_WORDS
from tests import worlds
from tests.sources.recording.moments import read, story, traces, written
from tests.sources.recording.unpacked import everything_in

_NAME = st.from_regex(r"[a-pr-z][a-z0-9]{4,12}", fullmatch=True).filter(
    lambda name: name not in KEPT_WORDS and not re.fullmatch(r"(?:\d+[a-z]{1,2})+|v\d+(?:alpha|beta|rc)\d*", name)
)
_IP = st.ip_addresses(v=4).filter(lambda ip: ip.packed[0] not in (0, 127) and ip.packed[0] < 240)
# The names of Structs' fields and of frames' parts stand in every recording.
_OURS = frozenset(re.findall(r"[a-z]+", msgspec.json.encode(worlds.world()).decode().lower()))


def _world(names: list[str], ip: str) -> Snapshot:
    cluster, namespace, app, team, host, header, key, node = names
    pod = Pod(
        meta=Meta(name=f"{app}-v1-5d8f7c9b4-x2x1z", namespace=namespace, uid=f"{team}-1",
                  labels={"app": app, key: team},
                  annotations={f"{host}.example/{key}": f"{team} of {namespace}"}),
        ip=ip, node=node, phase="Running", service_account=app,
        containers=(Container(app, f"registry.{host}.example:5000/{team}/{app}:1.2.3-{team}"),),
    )  # fmt: skip
    service = Service(meta=Meta(name=app, namespace=namespace), cluster_ip=ip, selector={"app": app},
                      external_name=f"{app}.{host}.example")  # fmt: skip
    route = ConfigObject(
        group="networking.istio.io", version="v1", kind="VirtualService", meta=Meta(name=app, namespace=namespace),
        spec={"hosts": [f"{app}.{namespace}.svc.cluster.local", f"*.{host}.example"],
              "http": [{"match": [{"headers": {f"x-{header}": {"exact": team.upper()}},
                                   "uri": {"prefix": f"/{team}/v1"}}],
                        "route": [{"destination": {"host": app, "subset": "v1"}, "weight": 90}]}]},
    )  # fmt: skip
    east = worlds.east()
    assert east.inventory is not None
    inventory = structs.replace(
        east.inventory,
        pods=(pod,), services=(service,), controllers=(), nodes=(),
        namespaces=(Namespace(meta=Meta(name=namespace, labels={key: team})),),
        config={"VirtualService": (route,)},
        config_maps={f"{namespace}/istio": {"mesh": f"trustDomain: {host}.example\nrootNamespace: {namespace}\n"}},
    )  # fmt: skip
    labels = Labels(reporter="source", source_cluster=cluster, source_workload_namespace=namespace, source_workload=app,
                    destination_service=f"{app}.{namespace}.svc.cluster.local", response_code="200")  # fmt: skip
    telemetry = worlds.telemetry([Sample(labels, 1.5)], f"http://{host}.example:9090")
    return worlds.world(
        structs.replace(
            east, name=cluster, context=f"admin@{cluster}", server=f"https://{ip}:6443", inventory=inventory,
            telemetry=telemetry, via=cluster,
            kubernetes=structs.replace(east.kubernetes, error=f"{cluster} does not let {team} list pods in {namespace}",
                                       endpoint=f"https://{host}.example"),
        )
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(_NAME, min_size=8, max_size=8, unique=True), ip=_IP.map(str))
def test_nothing_of_a_name_is_left(tmp_path_factory: pytest.TempPathFactory, names: list[str], ip: str) -> None:
    path = written(tmp_path_factory.mktemp("r") / "x.rec", [_world(names, ip)], redact=True)
    body = everything_in(path).lower()
    for name in names:
        if not any(name in ours for ours in _OURS):
            assert name.encode() not in body, name
    assert ip.encode() not in body
    read(path)


def test_the_same_name_is_the_same_everywhere(tmp_path: Path) -> None:
    names = ["cluster7x", "ourshop", "ourweb", "ourteam", "acmehost", "acmehead", "acmekey", "acmenode"]
    (found,) = read(written(tmp_path / "x.rec", [_world(names, "10.1.2.3")], redact=True))
    (cluster,) = found.clusters
    inventory, telemetry = cluster.inventory, cluster.telemetry
    assert inventory is not None
    assert telemetry is not None
    (pod,), (service,), (namespace,) = inventory.pods, inventory.services, inventory.namespaces
    labels = telemetry.requests[0].labels
    app = service.meta.name
    assert app == pod.meta.labels["app"] == service.selector["app"] == labels.source_workload == pod.service_account
    assert pod.meta.name.startswith(f"{app}-v1-")
    assert pod.meta.namespace == namespace.meta.name == labels.source_workload_namespace
    assert labels.destination_service == f"{app}.{namespace.meta.name}.svc.cluster.local"
    assert cluster.name == labels.source_cluster == cluster.via
    assert cluster.context == f"admin@{cluster.name}"
    assert pod.ip == service.cluster_ip
    assert pod.ip is not None
    assert pod.ip in cluster.server
    assert cluster.server.endswith(":6443")
    (route,) = inventory.config["VirtualService"]
    assert route.spec["hosts"][0] == labels.destination_service
    assert route.spec["http"][0]["route"] == [{"destination": {"host": app, "subset": "v1"}, "weight": 90}]
    mesh = inventory.config_maps[f"{namespace.meta.name}/istio"]["mesh"]
    assert mesh.endswith(f"rootNamespace: {namespace.meta.name}\n")
    assert labels.reporter == "source"
    assert telemetry.requests[0].value == 1.5


def test_every_moment_has_the_same_names(tmp_path: Path) -> None:
    told = story(6)
    found = read(written(tmp_path / "x.rec", told, redact=True))
    assert [len(s.clusters) for s in found] == [len(s.clusters) for s in told]
    names = {cluster.name for snapshot in found for cluster in snapshot.clusters}
    assert len(names) == 3
    for before, after in zip(told, found, strict=True):
        for one, other in zip(before.clusters, after.clusters, strict=True):
            assert _shape(one) == _shape(other)


def _shape(cluster: ClusterSnapshot) -> tuple[object, ...]:
    inventory, telemetry = cluster.inventory, cluster.telemetry
    values = [one.value for one in telemetry.requests] if telemetry is not None else None
    return values, cluster.courses is None, inventory and [len(inventory.pods), [p.restarts for p in inventory.pods]]


@given(st.lists(_IP, min_size=2, max_size=40, unique=True))
def test_addresses_stay_apart_and_in_their_networks(ips: list[object]) -> None:
    names = Pseudonyms()
    told = [names.text(str(ip)) for ip in ips]
    assert len(set(told)) == len(told)
    assert all(ip_address(text).packed[0] >= 240 for text in told)
    assert [names.text(f"{ip}:8080") for ip in ips] == [f"{text}:8080" for text in told]
    for one, other in zip(ips, told, strict=True):
        begin = str(one).rsplit(".", 1)[0]
        if not other.startswith("255."):
            assert names.text(f"{begin}.0/24").startswith(other.rsplit(".", 1)[0] + ".0/")


def test_words_of_the_field_versions_and_times_stay() -> None:
    names = Pseudonyms()
    for text in (
        "istio-system", "v1", "v1beta1", "1.30.1", "istio-ingressgateway", "2026-08-01T14:05:00Z", "15s", "100ms",
        "kubernetes.io/service-name", "127.0.0.1:15000", "0.0.0.0/0", "::1", "STRICT", "MTLS", "8080", "cluster.local",
    ):  # fmt: skip
        assert names.text(text) == text
    assert names.text("fe80::aa") == names.text("FE80::AA") != "fe80::aa"
    assert names.text("Straße") == "q1"


def test_a_certificate_is_replaced_by_one_of_the_same_time() -> None:
    from cryptography import x509

    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = _certificate("halyard supply", begin)
    names = Pseudonyms()
    told = names.text(made)
    read_back = x509.load_pem_x509_certificate(told.encode())
    assert "halyard" not in read_back.subject.rfc4514_string()
    assert read_back.not_valid_after_utc == begin + timedelta(days=30)
    assert names.text(f"{made}\n{made}") == f"{told}\n{told}"
    assert names.text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") == ""
    assert stand_in(base64.b64decode("".join(made.splitlines()[1:-1])), "q9") != told


def _certificate(name: str, begin: datetime) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.x509.oid import NameOID

    key = ed25519.Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=30)).sign(key, None)
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode().strip()


def test_marks_of_changes_hold_neither_names_nor_secrets(tmp_path: Path) -> None:
    """FieldsV1 is JSON in bytes, which names labels and containers."""
    east = worlds.east()
    assert east.inventory is not None
    marked = structs.replace(east, inventory=structs.replace(east.inventory, traces=traces(10_000)))
    plain = written(tmp_path / "plain.rec", [worlds.world(marked)])
    assert b"hunter-two" not in everything_in(plain)
    told = read(plain)[0].clusters[0].inventory
    assert told is not None
    assert told.traces is not None
    assert told.traces.objects == traces(10_000).objects
    other = written(tmp_path / "other.rec", [worlds.world(marked)], redact=True)
    for name in (b"hunter-two", b"teamsecret", b"reviews"):
        assert name not in everything_in(other)
    redacted = read(other)[0].clusters[0].inventory
    assert redacted is not None
    assert redacted.traces is not None
    assert redacted.traces.events[0].reason == "BackOff"
    assert set(msgspec.json.decode(redacted.traces.objects[0].writes[0].fields)) == {"f:metadata", "f:spec"}
