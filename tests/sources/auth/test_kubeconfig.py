from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtop.settings.schema import ClusterSettings
from meshtop.sources.auth.kubeconfig import ClusterRef, KubeconfigError, find_clusters, reread


def config(*entries: tuple[str, str], current: str | None = None, **cluster: str) -> dict[str, Any]:
    """A kubeconfig whose contexts lead to servers of the same line."""
    return {
        **({"current-context": current} if current else {}),
        "clusters": [{"name": f"c-{name}", "cluster": {"server": server, **cluster}} for name, server in entries],
        "users": [{"name": f"u-{name}", "user": {"token": "one"}} for name, _ in entries],
        "contexts": [{"name": n, "context": {"cluster": f"c-{n}", "user": f"u-{n}"}} for n, _ in entries],
    }


def write(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return str(path)


def find(
    path: str | None = None, contexts: tuple[str, ...] = (), clusters: tuple[ClusterSettings, ...] = (), **env: str
) -> tuple[ClusterRef, ...]:
    return find_clusters(kubeconfig=path, contexts=contexts, clusters=clusters, environ={"HOME": "/nowhere", **env})


def pairs(refs: tuple[ClusterRef, ...]) -> list[tuple[str, str]]:
    return [(ref.name, ref.server) for ref in refs]


A, B, C = "https://a:6443", "https://b:6443", "https://c:6443"


def test_every_context_is_a_cluster_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "config", config(("z", A), ("a", B)))
    assert pairs(find(path)) == [("z", A), ("a", B)]


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        (None, ["one", "other"]),
        ("two", ["two", "other"]),
        ("other", ["one", "other"]),
        ("gone", ["one", "other"]),
    ],
)
def test_contexts_with_one_server_and_user_are_one_cluster(
    tmp_path: Path, current: str | None, expected: list[str]
) -> None:
    path = write(tmp_path / "config", config(("one", A), ("two", A + "/"), ("other", B), current=current))
    assert [ref.name for ref in find(path)] == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://kube.example", "https://kube.example:443/", True),
        ("https://Kube.Example:443", "https://kube.example", True),
        ("http://kube.example:80", "http://kube.example/", True),
        ("https://[FD00::1]:443", "https://[fd00::1]", True),
        ("https://kube.example", "https://kube.example:6443", False),
        ("https://kube.example", "http://kube.example", False),
        ("https://kube.example/k8s/a", "https://kube.example/k8s/b", False),
        ("https://kube.example/k8s/a", "https://kube.example/k8s/A", False),
        ("https://kube.example/k8s/a", "https://kube.example:443/k8s/a/", True),
    ],
)
def test_servers_written_in_other_ways_are_one(tmp_path: Path, one: str, other: str, same: bool) -> None:
    path = write(tmp_path / "config", config(("one", one), ("other", other)))
    assert len(find(path)) == (1 if same else 2)


def plugin(*arguments: str) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "tsh", "args": [*arguments]}}


@pytest.mark.parametrize(
    ("one", "other", "clusters"),
    [
        (plugin("--kube-cluster=one"), plugin("--kube-cluster=two"), 2),
        (plugin("--kube-cluster=one"), plugin("--kube-cluster=one"), 1),
        ({"client-certificate": "one.pem"}, {"client-certificate": "two.pem"}, 2),
        ({"token": "one"}, {"token": "two"}, 2),
        ({"token": "one"}, {"token": "one", "as": "admin"}, 2),
        ({}, {}, 1),
    ],
)
def test_users_that_differ_may_lead_to_different_clusters_behind_one_address(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], clusters: int
) -> None:
    document = config(("one", A), ("other", A))
    document["users"] = [{"name": "u-one", "user": one}, {"name": "u-other", "user": other}]
    refs = find(write(tmp_path / "config", document))
    assert [ref.name for ref in refs] == ["one", "other"][:clusters]


def test_a_file_is_parsed_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each login reads its file again; fifty contexts in one file must not parse it fifty times."""
    parsed: list[bytes] = []

    def counted(data: bytes) -> Any:
        parsed.append(data)
        return yaml.safe_load(data)

    monkeypatch.setattr("meshtop.sources.auth.kubeconfig.load_yaml", counted)
    file = tmp_path / "config"
    refs = find(write(file, config(("a", A), ("b", B))))
    assert [reread(ref) for ref in refs] == list(refs)
    assert len(parsed) == 1
    before = file.stat()
    file.write_text(file.read_text().replace("token: one", "token: two"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [reread(ref).document["users"][0]["user"] for ref in refs] == [{"token": "two"}] * 2
    assert len(parsed) == 2, "it has the same size and time, and other bytes"


def test_what_a_login_writes_into_its_context_stays_there(tmp_path: Path) -> None:
    refs = find(write(tmp_path / "config", config(("a", A), ("b", B))))
    reread(refs[0]).document["users"][0]["user"]["token"] = "other"
    reread(refs[0]).document["clusters"][0]["cluster"]["server"] = "https://elsewhere"
    assert [reread(ref) for ref in refs] == list(refs)
    assert refs[0].document["users"][0]["user"] == {"token": "one"}


def test_the_current_context_is_marked(tmp_path: Path) -> None:
    refs = find(write(tmp_path / "config", config(("one", A), ("two", B), current="two")))
    assert [ref.current for ref in refs] == [False, True]


@pytest.mark.parametrize("difference", [{"proxy-url": "http://bastion:3128"}, {"tls-server-name": "inner"}])
def test_one_address_behind_different_tunnels_is_two_clusters(tmp_path: Path, difference: dict[str, str]) -> None:
    document = config(("one", A), ("two", A))
    document["clusters"][1]["cluster"].update(difference)
    assert len(find(write(tmp_path / "config", document))) == 2


def test_files_of_the_environment_are_merged_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "1", config(("a", A), current="a"))
    second_document = config(("a", C), ("b", B), current="b")
    second = write(tmp_path / "2", second_document)
    missing = str(tmp_path / "missing")
    refs = find(KUBECONFIG=os.pathsep.join(["", missing, first, second, first]))
    assert pairs(refs) == [("a", A), ("b", B)]
    assert refs[0].paths == (first, second)
    assert refs[0].document["users"] == [{"name": "u-a", "user": {"token": "one"}}]


def test_the_home_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube" / "config", config(("a", A)))
    assert pairs(find(HOME=str(tmp_path))) == [("a", A)]


def test_relative_files_are_beside_their_kubeconfig(tmp_path: Path) -> None:
    document = config(("a", A), **{"certificate-authority": "ca.pem"})
    plugin = {"command": "./bin/login", "apiVersion": "v1"}
    document["users"][0]["user"] = {"client-certificate": "me.pem", "client-key": "/k.pem", "exec": plugin}
    ref = find(write(tmp_path / "config", document))[0]
    assert ref.document["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "ca.pem")
    user = ref.document["users"][0]["user"]
    assert user["client-certificate"] == str(tmp_path / "me.pem")
    assert user["client-key"] == "/k.pem"
    assert os.path.normpath(user["exec"]["command"]) == str(tmp_path / "bin" / "login")


def test_a_command_without_a_folder_is_looked_up_on_path(tmp_path: Path) -> None:
    document = config(("a", A))
    document["users"][0]["user"] = {"exec": {"command": "aws"}}
    assert find(write(tmp_path / "config", document))[0].document["users"][0]["user"]["exec"]["command"] == "aws"


def test_in_a_pod_without_a_kubeconfig(tmp_path: Path) -> None:
    refs = find(HOME=str(tmp_path), KUBERNETES_SERVICE_HOST="fd00::1", KUBERNETES_SERVICE_PORT="443")
    assert [(r.name, r.server, r.in_cluster) for r in refs] == [("in-cluster", "https://[fd00::1]:443", True)]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("a: [b", "config, line 2, is not YAML"),
        ("- a", "must be a mapping"),
        ("clusters: {}\ncontexts: x", "contexts must be a list"),
        ("contexts: [{context: {}}]", "every entry of contexts needs a name"),
        ("clusters: [{name: x, cluster: [1]}]", "cluster x must be a mapping"),
        ("", "has no contexts"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path: Path, document: str, words: str) -> None:
    path = write(tmp_path / "config", document)
    with pytest.raises(KubeconfigError) as caught:
        find(path)
    assert words in str(caught.value)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_kubeconfig_at_all(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="give one with --kubeconfig"):
        find(str(tmp_path / "none"))
    with pytest.raises(KubeconfigError, match="meshtop demo"):
        find(HOME=str(tmp_path))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contexts": [{"name": "a", "context": {"cluster": "zzz"}}]}, "names cluster zzz"),
        ({"clusters": [{"name": "c-a", "cluster": {}}]}, "has no server URL"),
        ({"clusters": [{"name": "c-a", "cluster": {"server": "a:6443"}}]}, "has no server URL"),
        ({"users": []}, "names user u-a"),
    ],
)
def test_a_context_that_leads_nowhere_costs_the_others_nothing(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    first = write(tmp_path / "1", {**config(("a", A)), **change})
    second = write(tmp_path / "2", config(("b", B)))
    refs = find(KUBECONFIG=f"{first}{os.pathsep}{second}")
    assert words in (refs[0].fault or "")
    assert refs[1].fault is None


def test_contexts_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "config", config(("a", A), ("b", B), ("c", C)))
    assert [ref.name for ref in find(path, contexts=("c", "a", "c"))] == ["c", "a"]
    with pytest.raises(KubeconfigError, match=r"no context d in .*; there are a, b, c"):
        find(path, contexts=("d",))


def test_settings_name_these_clusters_and_no_others(tmp_path: Path) -> None:
    path = write(tmp_path / "config", config(("a", A), ("b", A), ("c", C), current="b"))
    other = write(tmp_path / "other", config(("x", B)))
    settings_ = (
        ClusterSettings(name="one", context="a"),
        ClusterSettings(name="two", context="b"),
        ClusterSettings(name="three", kubeconfig=other),
        ClusterSettings(name="four"),
    )
    refs = find(path, clusters=settings_)
    assert pairs(refs) == [("one", A), ("two", A), ("three", B), ("four", A)]
    assert refs[3].context == "b"
    assert [r.name for r in find(path, contexts=("x",), clusters=settings_)] == ["three"]
    with pytest.raises(KubeconfigError, match="Cluster five of the settings needs context q"):
        find(path, clusters=(ClusterSettings(name="five", context="q"),))
    with pytest.raises(KubeconfigError, match="is not used by the settings' clusters"):
        find(path, contexts=("c",), clusters=settings_)


def test_a_rewritten_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "config", config(("a", A)))
    ref = find(path, clusters=(ClusterSettings(name="mine", context="a"),))[0]
    document = config(("a", B))
    write(tmp_path / "config", document)
    again = reread(ref)
    assert (again.name, again.server) == ("mine", B)
    write(tmp_path / "config", config(("b", B)))
    with pytest.raises(KubeconfigError, match="Context a is not in"):
        reread(ref)


def test_no_credential_is_printed(tmp_path: Path) -> None:
    document = config(("a", A))
    document["users"][0]["user"] = {"token": "TOPSECRET"}
    ref = find(write(tmp_path / "config", document))[0]
    assert "TOPSECRET" not in repr(ref)
    assert "TOPSECRET" in str(ref.document)


def test_finding_clusters_imports_nothing_slow() -> None:
    code = (
        "import sys, meshtop.sources.auth.kubeconfig\n"
        "print([m for m, loaded in sys.modules.items() if loaded and m.split('.')[0] in sys.argv])"
    )
    slow = ["kubernetes", "httpx", "pydantic", "requests", "yaml"]
    done = subprocess.run([sys.executable, "-c", code, *slow], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


names = st.text("abcdef-", min_size=1, max_size=6)
contexts = st.lists(st.tuples(names, st.sampled_from([A, B, C])), max_size=5, unique_by=lambda pair: pair[0])


@given(st.lists(contexts, min_size=1, max_size=3), st.data())
@settings(max_examples=40, deadline=None)
def test_merging_keeps_the_first_and_one_context_per_server_and_user(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[str, str]]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("merge")
    everything = [pair for entries in files for pair in entries]
    current = data.draw(st.sampled_from([name for name, _ in everything] or [""]))
    documents = [config(*entries, current=current) for entries in files]
    paths = [write(folder / str(number), document) for number, document in enumerate(documents)]
    merged: dict[str, str] = {}
    for name, server in everything:
        merged.setdefault(name, server)
    if not merged:
        with pytest.raises(KubeconfigError):
            find(KUBECONFIG=os.pathsep.join(paths))
        return
    refs = find(KUBECONFIG=os.pathsep.join(paths))
    assert all(merged[ref.name] == ref.server for ref in refs)
    assert sorted({ref.server for ref in refs}) == sorted(set(merged.values()))
    assert len(refs) == len(set(merged.values()))
    assert current in [ref.name for ref in refs]
