"""Ways to a cluster: through a host, and out of a registry's own kubeconfig."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshtop.settings.schema import ClusterSettings
from meshtop.sources.auth.kubeconfig import KubeconfigError, find_clusters, ref_from_registry, reread
from meshtop.sources.kubernetes.kinds import CONFIG, REGISTRIES, codec

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: hub
clusters: [{name: hub, cluster: {server: 'https://hub.example:6443'}}]
users: [{name: me, user: {token: mine}}]
contexts: [{name: hub, context: {cluster: hub, user: me}}]
"""


def settings(*clusters: dict[str, object]) -> tuple[ClusterSettings, ...]:
    return tuple(ClusterSettings.model_validate(cluster) for cluster in clusters)


def test_a_cluster_is_read_through_another_with_its_credential_alone(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    wanted = settings({"name": "hub"}, {"name": "far", "via": {"host": "hub"}})
    far = find_clusters(kubeconfig=str(file), contexts=(), clusters=wanted)[1]
    assert (far.name, far.server) == ("far", "https://hub.example:6443/clusters/far")
    assert far.document["clusters"][0]["cluster"]["server"] == far.server
    assert far.document["users"][0]["user"] == {"token": "mine"}
    assert reread(far) == far


def test_a_host_that_does_not_exist_is_said(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    wanted = settings({"name": "far", "via": {"host": "nobody"}})
    with pytest.raises(KubeconfigError, match="read via nobody"):
        find_clusters(kubeconfig=str(file), contexts=(), clusters=wanted)


def test_context_and_via_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="not both"):
        settings({"name": "far", "context": "a", "via": {"host": "hub"}})


def test_a_handed_over_kubeconfig_is_used_for_what_stands_in_it() -> None:
    ref = ref_from_registry("m", KUBECONFIG)
    assert (ref.name, ref.server) == ("m", "https://hub.example:6443")


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("{token: mine}", "{exec: {command: rm}}", "exec"),
        ("{token: mine}", "{tokenFile: /etc/passwd}", "tokenFile"),
        ("{token: mine}", "{auth-provider: {name: x}}", "auth-provider"),
        ("{token: mine}", "{client-key: /root/key}", "client-key"),
        ("6443'}", "6443', certificate-authority: /etc/shadow}", "certificate-authority"),
        ("6443'}", "6443', proxy-url: 'http://evil'}", "proxy-url"),
        ("current-context: hub", "current-context: nobody", "no context"),
        ("https://hub", "ftp://hub", "is not usable"),
        (KUBECONFIG, "[", "is not YAML"),
    ],
)
def test_a_handed_over_kubeconfig_gets_nothing_of_this_machine(old: str, new: str, word: str) -> None:
    with pytest.raises(KubeconfigError, match=word):
        ref_from_registry("m", KUBECONFIG.replace(old, new))


def test_kubesphere_credentials_are_never_decoded() -> None:
    kind = next(k for k in REGISTRIES if k.group == "cluster.kubesphere.io")
    body = (
        b'{"items": [{"metadata": {"name": "m"}, "spec": {"connection": {"type": "direct", "kubeconfig": "c2VjcmV0",'
        b' "token": "secret", "kubernetesAPIEndpoint": "https://m"}}, "status": {"uid": "u"}}]}'
    )
    (found,) = codec(kind, "v1alpha1").page(body).objects
    assert found.spec["connection"] == {"type": "direct", "kubernetesAPIEndpoint": "https://m"}
    assert "secret" not in repr(found)
    assert "c2VjcmV0" not in repr(found)


def test_kinds_that_share_a_name_keep_apart() -> None:
    keys = [kind.key for kind in (*CONFIG, *REGISTRIES)]
    assert len(keys) == len(set(keys))
