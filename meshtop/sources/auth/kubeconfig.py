"""Lists the clusters of a kubeconfig; fast, so that the list is available before slow imports.

Only names, servers and file paths are read here; `meshtop.sources.auth.credentials` reads the logins.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec import Struct, field, structs

from meshtop.model.errors import MeshtopError
from meshtop.model.yaml_input import YamlRefused, load_yaml, read_bounded
from meshtop.settings.environment import home_folder
from meshtop.sources.auth.kubeconfig_check import cluster_fault, user_fault

if TYPE_CHECKING:
    from meshtop.settings.schema import ClusterSettings

Document = dict[str, Any]

_CLUSTER_FILES = ("certificate-authority",)
_INLINE_USER = frozenset({"token", "client-certificate-data", "client-key-data", "username", "password"})
_MOST_PARSED = 256
_parsed: dict[str, tuple[bytes, Document]] = {}
"""Files by path as they were parsed last, with the digest of their bytes: every login reads its file again, and fifty
contexts in one file would parse it fifty times. Nothing may be written into these."""
_USER_FILES = ("client-certificate", "client-key", "tokenFile")


class KubeconfigError(MeshtopError):
    """The kubeconfig cannot be used; the message is one sentence that names the file and what is wrong in it."""


class UnknownContextError(KubeconfigError):
    """The settings name a context that the kubeconfig does not have."""


class ClusterRef(Struct, frozen=True, kw_only=True):
    """A cluster to read: its server, and the context and files it was found in.

    `document` is a kubeconfig of this one context with absolute paths; it may hold credentials, so it is
    never printed. `fault` is one sentence when the context cannot lead anywhere (it names a cluster that
    is not in the file); the other clusters do not suffer from it. `current` marks the kubeconfig's current context.
    """

    name: str
    context: str | None = None
    server: str = ""
    paths: tuple[str, ...] = ()
    in_cluster: bool = False
    user: str | None = None
    namespace: str | None = None
    document: Document = field(default_factory=dict)
    fault: str | None = None
    current: bool = False
    prefix: str = ""
    """The path at another cluster's API server that proxies to this cluster; `server` ends with it."""

    @property
    def cluster_entry(self) -> Document:
        """The kubeconfig's `cluster` mapping; empty where there is none (a pod's service account)."""
        clusters = self.document.get("clusters") or []
        entry: Document = clusters[0]["cluster"] if clusters else {}
        return entry

    @property
    def user_entry(self) -> Document:
        """The kubeconfig's `user` mapping; empty where the context names no user."""
        users = self.document.get("users") or []
        entry: Document = users[0]["user"] or {} if users else {}
        return entry

    def __repr__(self) -> str:
        return f"ClusterRef(name={self.name!r}, context={self.context!r}, server={self.server!r})"


class _Merged(Struct):
    """Several files merged as in kubectl: the first file with an entry takes precedence."""

    paths: list[str]
    current: str | None = None
    clusters: dict[str, Document] = field(default_factory=dict)
    users: dict[str, Document] = field(default_factory=dict)
    contexts: dict[str, Document] = field(default_factory=dict)


def find_clusters(
    *,
    kubeconfig: str | None,
    contexts: Sequence[str],
    clusters: Sequence[ClusterSettings],
    environ: Mapping[str, str] = os.environ,
) -> tuple[ClusterRef, ...]:
    """The clusters to read, in the order of the file (or of the settings, or of `contexts`, where given).

    `kubeconfig` is an explicit file; None means $KUBECONFIG (several files, merged), else ~/.kube/config, else
    the service account of the pod that this runs in. Contexts with one server and one user are one cluster: the
    current context stands for it, else the first. Whether different users lead to one cluster is known only when it has
    answered (`observatory`). Settings' `clusters`, when given, are these and no others, under
    their own names; `contexts` then picks among them. Raises KubeconfigError.
    """
    if clusters:
        return _from_settings(kubeconfig, contexts, clusters, environ)
    kubeconfig = kubeconfig or None
    merged = _read(_paths(kubeconfig, environ), must_exist=kubeconfig is not None)
    if not merged.contexts:
        if kubeconfig is None and not contexts and _in_cluster(environ):
            return (_service_account(environ),)
        raise KubeconfigError(_nothing_there(kubeconfig, merged, environ))
    names = _chosen(contexts, merged)
    refs = [_ref(merged, name) for name in names]
    return tuple(_one_per_login(refs, merged.current))


def reread(ref: ClusterRef) -> ClusterRef:
    """A context read again from its files, which a login may have rewritten. Raises KubeconfigError."""
    if ref.in_cluster or not ref.paths:
        return ref
    merged = _read(list(ref.paths), must_exist=False)
    if ref.context not in merged.contexts:
        raise KubeconfigError(f"Context {ref.context} is not in {_list(ref.paths)}; add it or leave it out.")
    found = _ref(merged, str(ref.context))
    if ref.prefix:
        return proxied_ref(found, ref.name, ref.prefix)
    return ClusterRef(
        name=ref.name,
        context=ref.context,
        server=found.server,
        paths=ref.paths,
        user=found.user,
        namespace=found.namespace,
        document=found.document,
        fault=found.fault,
        current=found.current,
    )


def proxied_ref(host: ClusterRef, name: str, prefix: str) -> ClusterRef:
    """A cluster behind another one's API server, which proxies the path `prefix`, with the host's credentials."""
    server = f"{host.server}/{prefix.strip('/')}"
    document = dict(host.document)
    if document:
        entry = document["clusters"][0]
        document["clusters"] = [{**entry, "cluster": {**entry["cluster"], "server": server}}]
    return structs.replace(host, name=name, server=server, document=document, prefix=prefix)


def ref_from_registry(name: str, text: str) -> ClusterRef:
    """A cluster from a kubeconfig that a registry stores. Raises KubeconfigError.

    That kubeconfig is not the user's own: only inline values are used (certificates, a token, a password). Commands and
    files are refused, because they would be this machine's.
    """
    try:
        document = load_yaml(text)
    except YamlRefused as error:
        raise KubeconfigError(f"The registry's kubeconfig of {name} cannot be understood: it {error.why}.") from None
    if not isinstance(document, dict):
        raise KubeconfigError(f"The registry's kubeconfig of {name} cannot be parsed.")
    merged = _Merged(paths=[])
    _merge(merged, document, f"the registry's kubeconfig of {name}")
    context = merged.current or next(iter(merged.contexts), None)
    if context not in merged.contexts:
        raise KubeconfigError(f"The registry's kubeconfig of {name} has no context.")
    ref = _ref(merged, str(context), name=name)
    foreign = sorted(({*ref.user_entry} - _INLINE_USER) | ({*ref.cluster_entry} & {*_CLUSTER_FILES, "proxy-url"}))
    if foreign:
        raise KubeconfigError(
            f"The registry's kubeconfig of {name} uses {', '.join(foreign)} of this machine, which is not allowed."
        )
    if ref.fault is not None:
        raise KubeconfigError(f"The registry's kubeconfig of {name} is not usable: {ref.fault}")
    return ref


def _from_settings(
    kubeconfig: str | None, contexts: Sequence[str], clusters: Sequence[ClusterSettings], environ: Mapping[str, str]
) -> tuple[ClusterRef, ...]:
    read: dict[str | None, _Merged] = {}
    refs: list[ClusterRef] = []
    for cluster in clusters:
        file = cluster.kubeconfig or kubeconfig
        if file not in read:
            read[file] = _read(_paths(file, environ), must_exist=file is not None)
        merged = read[file]
        if cluster.via is not None:
            refs.append(_via(cluster, refs, merged))
            continue
        context = cluster.context or merged.current or next(iter(merged.contexts), None)
        if context is None and file is None and _in_cluster(environ):
            refs.append(_service_account(environ, name=cluster.name))
            continue
        if context not in merged.contexts:
            where = _list(merged.paths) if merged.paths else "any kubeconfig"
            wanted = f"context {context}" if context else "a context"
            raise (UnknownContextError if merged.paths else KubeconfigError)(
                f"Cluster {cluster.name} of the settings needs {wanted}, which is not in {where}; "
                f"there {_are(merged.contexts)}."
            )
        refs.append(_ref(merged, context, name=cluster.name))
    if not contexts:
        return tuple(refs)
    for wanted in contexts:
        if wanted not in {ref.context for ref in refs}:
            known = ", ".join(str(ref.context) for ref in refs)
            raise KubeconfigError(f"Context {wanted} is not used by the settings' clusters; theirs are {known}.")
    return tuple(ref for ref in refs if ref.context in contexts)


def _via(cluster: ClusterSettings, refs: Sequence[ClusterRef], merged: _Merged) -> ClusterRef:
    """A cluster behind another one, which is an earlier cluster of the settings, else a context of the kubeconfig."""
    assert cluster.via is not None
    host = next((ref for ref in refs if ref.name == cluster.via.host), None)
    if host is None and cluster.via.host in merged.contexts:
        host = _ref(merged, cluster.via.host)
    if host is None:
        raise KubeconfigError(
            f"Cluster {cluster.name} of the settings is read via {cluster.via.host}, which is neither a cluster "
            "before it nor a context of the kubeconfig."
        )
    return proxied_ref(host, cluster.name, cluster.via.prefix or f"/clusters/{cluster.name}")


def _paths(kubeconfig: str | None, environ: Mapping[str, str]) -> list[str]:
    if kubeconfig is not None:
        return [str(Path(kubeconfig).expanduser())]
    variable = environ.get("KUBECONFIG", "")
    if variable:
        paths = [str(Path(part).expanduser()) for part in variable.split(os.pathsep) if part]
        return list(dict.fromkeys(paths))
    return [str(home_folder(environ) / ".kube" / "config")]


def _read(paths: Sequence[str], *, must_exist: bool) -> _Merged:
    merged = _Merged(paths=[])
    for path in paths:
        document = _load(path, must_exist=must_exist)
        if document is None:
            continue
        merged.paths.append(path)
        _merge(merged, document, path)
    return merged


def _load(path: str, *, must_exist: bool) -> Document | None:
    try:
        data = read_bounded(Path(path))
        digest = hashlib.sha256(data).digest()
        before = _parsed.get(path)
        if before is not None and before[0] == digest:
            return before[1]
        document = _mapping(load_yaml(data), path)
        if len(_parsed) >= _MOST_PARSED:
            _parsed.clear()
        _parsed[path] = digest, document
        return document
    except FileNotFoundError:
        if must_exist:
            raise KubeconfigError(f"There is no kubeconfig {path}; give one with --kubeconfig FILE.") from None
        return None
    except OSError as error:
        why = "it is a directory" if isinstance(error, IsADirectoryError) else str(error.strerror).lower()
        raise KubeconfigError(
            f"The kubeconfig {path} cannot be read: {why}; give another with --kubeconfig FILE."
        ) from None
    except YamlRefused as error:
        at = f", line {error.line}," if error.line is not None else ""
        raise KubeconfigError(f"The kubeconfig {path}{at} {error.why}.") from None


def _mapping(document: Any, path: str) -> Document:
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise KubeconfigError(f"The kubeconfig {path} must be a mapping with clusters, users and contexts.")
    return document


def _merge(merged: _Merged, document: Document, path: str) -> None:
    folder = str(Path(path).absolute().parent)
    parts = (
        ("clusters", "cluster", merged.clusters),
        ("users", "user", merged.users),
        ("contexts", "context", merged.contexts),
    )
    for plural, singular, target in parts:
        entries = document.get(plural) or []
        if not isinstance(entries, list):
            raise KubeconfigError(f"In the kubeconfig {path}, {plural} must be a list.")
        for entry in entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                hint = "" if name is None else f"; put {name} in quotes, so that it is text"
                raise KubeconfigError(f"In the kubeconfig {path}, every entry of {plural} needs a name{hint}.")
            body = entry.get(singular) or {}
            if not isinstance(body, dict):
                raise KubeconfigError(f"In the kubeconfig {path}, {singular} {entry['name']} must be a mapping.")
            target.setdefault(entry["name"], _absolute(body, plural, folder))
    current = document.get("current-context")
    if merged.current is None and isinstance(current, str) and current:
        merged.current = current


def _absolute(body: Document, plural: str, folder: str) -> Document:
    """A copy with relative file names resolved against the kubeconfig's folder, as in kubectl."""
    body = dict(body)
    for key in {"clusters": _CLUSTER_FILES, "users": _USER_FILES}.get(plural, ()):
        if isinstance(body.get(key), str) and body[key]:
            body[key] = os.path.join(folder, body[key])
    plugin = body.get("exec") if plural == "users" else None
    if isinstance(plugin, dict) and isinstance(plugin.get("command"), str):
        command = plugin["command"]
        if os.sep in command and not os.path.isabs(command):
            body["exec"] = {**plugin, "command": os.path.join(folder, command)}
    return body


def _ref(merged: _Merged, context: str, *, name: str | None = None) -> ClusterRef:
    body = merged.contexts[context]
    cluster_name, user_name = body.get("cluster"), body.get("user")
    cluster = merged.clusters.get(cluster_name) if isinstance(cluster_name, str) else None
    user = merged.users.get(user_name) if isinstance(user_name, str) else None
    where = _list(merged.paths)
    server = cluster.get("server") if cluster else None
    if cluster is not None and isinstance(server, str) and "@" in server:
        # A login in the address is a login: it is used as one, and the address is shown without it.
        server, login = _without_login(server)
        cluster = {**cluster, "server": server}
        if login and not {*(user or {})} & _LOGINS:
            user = {**(user or {}), **login}
            user_name = user_name or "login in the address"
            body = {**body, "user": user_name}
    fault = None
    if cluster is None:
        fault = f"Context {context} names cluster {cluster_name or '(none)'}, which is not in {where}."
    elif user_name and user is None:
        fault = f"Context {context} names user {user_name}, which is not in {where}."
    elif wrong := cluster_fault(str(cluster_name), cluster) or user_fault(str(user_name), user or {}):
        fault = f"In {where}, {wrong}."
    document: Document = {
        "current-context": context,
        "contexts": [{"name": context, "context": body}],
        "clusters": [{"name": cluster_name, "cluster": cluster or {}}],
        "users": [{"name": user_name, "user": user}] if user is not None else [],
    }
    # A login may write into its own; what was parsed serves the other contexts too.
    document = copy.deepcopy(document)
    namespace = body.get("namespace")
    return ClusterRef(
        name=name or context,
        context=context,
        server=server.rstrip("/") if isinstance(server, str) else "",
        paths=tuple(merged.paths),
        user=user_name if isinstance(user_name, str) else None,
        namespace=namespace if isinstance(namespace, str) else None,
        document=document,
        fault=fault,
        current=context == merged.current,
    )


_LOGINS = frozenset(
    {"token", "tokenFile", "username", "client-certificate", "client-certificate-data", "exec", "auth-provider"}
)
"""What a user's entry proves with who asks; with any of them a login in the address is not used."""


def _without_login(server: str) -> tuple[str, Document]:
    """A server's address without `user:password@`, and these two as a kubeconfig's user has them."""
    try:
        parts = urlsplit(server)
        user, password = parts.username, parts.password
    except ValueError:
        return server.rpartition("@")[2], {}
    if not parts.netloc or "@" not in parts.netloc:
        return server, {}
    plain = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return plain, {"username": unquote(user or ""), "password": unquote(password or "")}


def _chosen(contexts: Sequence[str], merged: _Merged) -> list[str]:
    for wanted in contexts:
        if wanted not in merged.contexts:
            raise KubeconfigError(
                f"There is no context {wanted} in {_list(merged.paths)}; there {_are(merged.contexts)}."
            )
    return list(dict.fromkeys(contexts)) or list(merged.contexts)


def _one_per_login(refs: Iterable[ClusterRef], current: str | None) -> list[ClusterRef]:
    """One context for each server and user, the current one before the first.

    One address may serve several clusters, depending on the user (an access proxy), so another user may lead to another
    cluster. A server behind another proxy or TLS name is a different one (tunnels, bastions).
    """
    chosen: dict[tuple[str, ...], ClusterRef] = {}
    for ref in refs:
        cluster = ref.cluster_entry
        key: tuple[str, ...] = (
            _endpoint(ref.server),
            str(cluster.get("tls-server-name")),
            str(cluster.get("proxy-url")),
            json.dumps(ref.user_entry, sort_keys=True, default=str),
        )
        if ref.fault is not None:
            key = ("fault", ref.name)
        if key not in chosen or ref.context == current:
            chosen[key] = ref
    return list(chosen.values())


def _endpoint(server: str) -> str:
    """A normalised server URL: scheme and host in lower case, with the port, without a final slash."""
    try:
        parts = urlsplit(server.strip())
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return server
    return f"{parts.scheme}://{parts.hostname or ''}:{port}{parts.path.rstrip('/')}" if parts.netloc else server


def _in_cluster(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("KUBERNETES_SERVICE_HOST"))


def _service_account(environ: Mapping[str, str], name: str = "in-cluster") -> ClusterRef:
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    return ClusterRef(name=name, server=f"https://{host}:{port}", in_cluster=True, user="service account")


def _nothing_there(kubeconfig: str | None, merged: _Merged, environ: Mapping[str, str]) -> str:
    if merged.paths:
        return f"The kubeconfig {_list(merged.paths)} has no contexts; add one, or give another with --kubeconfig FILE."
    tried = _list(_paths(kubeconfig, environ)) or "KUBECONFIG names none"
    return f"There is no kubeconfig ({tried}); give one with --kubeconfig FILE, or run meshtop demo."


def _list(paths: Sequence[str]) -> str:
    return ", ".join(paths)


def _are(contexts: Iterable[str]) -> str:
    names = sorted(contexts)
    if not names:
        return "are no contexts"
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return f"are {shown}" if len(names) > 1 else f"is {shown}"
