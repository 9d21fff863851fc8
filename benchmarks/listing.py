"""Listing 5,000 pods, 2,000 services and 1,000 routes: meshtop, the kubernetes typed client, and kubectl.

    python -m benchmarks.listing [--rounds 2] [--pods 5000] [--all-peers]

A local server answers with the same pages of generated objects (shaped like those of a meshed cluster: managed fields,
annotations, statuses). Each reader runs in a process of its own. meshtop and the typed client read pages of 500, as
both should, turn by turn, and are compared as whole processes, imports counted on both sides; the time from the first
request to the last object is printed too. With `--all-peers` the typed client reads once more in one page, as its
examples do, and kubectl as JSON, which it leaves behind undecoded. With fewer pods there are fewer services and routes
too, and the figures are no rows of the goals.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import importlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._rows import goal_row, middle, row_of
from benchmarks._rows import report as print_rows

PAGE = 500
PODS, SERVICES, ROUTES = 5_000, 2_000, 1_000
PATHS = {
    "/api/v1/pods": "pods",
    "/api/v1/services": "services",
    "/apis/networking.istio.io/v1/virtualservices": "virtualservices",
}
Json = dict[str, Any]


def managed(manager: str, fields: int) -> list[Json]:
    tree: Json = {f"f:field-{number}": {".": {}, "f:name": {}, "f:value": {}} for number in range(fields)}
    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-08-01T10:00:00Z"}
    return [{**entry, "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": tree, "f:spec": tree}}]


def meta(name: str, number: int, fields: int, **more: Any) -> Json:
    return {
        "name": name,
        "namespace": f"ns-{number % 40}",
        "uid": f"00000000-0000-0000-0000-{number:012}",
        "resourceVersion": str(number + 1),
        "creationTimestamp": "2026-08-01T10:00:00Z",
        "managedFields": managed("kube-controller-manager", fields),
        **more,
    }


def container(name: str, image: str) -> Json:
    env = [{"name": f"SETTING_{number}", "value": f"value-{number}"} for number in range(12)]
    probe = {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1}
    mounts = [{"name": f"volume-{number}", "mountPath": f"/var/run/volume-{number}"} for number in range(6)]
    limits = {"cpu": "1", "memory": "1Gi"}
    return {
        "name": name, "image": image, "env": env, "readinessProbe": probe, "livenessProbe": probe,
        "volumeMounts": mounts, "resources": {"limits": limits, "requests": limits}, "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    }  # fmt: skip


def container_status(name: str, image: str) -> Json:
    running = {"running": {"startedAt": "2026-08-01T10:00:10Z"}}
    identity = "sha256:" + "0" * 64
    return {
        "name": name, "image": image, "imageID": f"{image}@{identity}", "containerID": f"containerd://{identity}",
        "ready": True, "started": True, "restartCount": 0, "state": running, "lastState": {},
    }  # fmt: skip


def pod(number: int) -> Json:
    app = f"app-{number % SERVICES}"
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-5d9c7b", "uid": "u", "controller": True}
    images = (("app", "registry.example/app:1.4.2"), ("istio-proxy", "docker.io/istio/proxyv2:1.30.1"))
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-08-01T10:00:10Z"}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    return {
        "metadata": meta(
            f"{app}-5d9c7b-{number:05}", number, 12,
            labels={"app": app, "version": "v1", "pod-template-hash": "5d9c7b", "istio.io/rev": "default"},
            annotations={"sidecar.istio.io/status": '{"revision":"default","containers":["istio-proxy"]}'},
            ownerReferences=[owner],
        ),
        "spec": {
            "containers": [container(*image) for image in images],
            "initContainers": [container("istio-init", images[1][1])],
            "volumes": [{"name": f"volume-{i}", "emptyDir": {"medium": "Memory"}} for i in range(6)],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
            "nodeName": f"node-{number % 60}", "serviceAccountName": app, "restartPolicy": "Always",
        },
        "status": {
            "phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}], "hostIP": "10.0.0.1",
            "startTime": "2026-08-01T10:00:00Z", "conditions": conditions, "qosClass": "Burstable",
            "containerStatuses": [container_status(*image) for image in images],
        },
    }  # fmt: skip


def service(number: int) -> Json:
    ports = [
        {"name": name, "port": port, "targetPort": port, "protocol": "TCP"}
        for name, port in (("http", 80), ("grpc", 81))
    ]
    spec = {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": ports}
    return {
        "metadata": meta(f"app-{number}", number, 6, labels={"app": f"app-{number}"}),
        "spec": {**spec, "selector": {"app": f"app-{number}"}, "sessionAffinity": "None"},
        "status": {"loadBalancer": {}},
    }


def route(number: int) -> Json:
    host = f"app-{number}"
    shares = [{"destination": {"host": host, "subset": s}, "weight": w} for s, w in (("v1", 90), ("v2", 10))]
    spec = {"hosts": [host], "http": [{"name": "main", "route": shares, "timeout": "5s", "retries": {"attempts": 2}}]}
    return {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": meta(host, number, 6, generation=3), "spec": spec,
    }  # fmt: skip


def counts(pods: int) -> tuple[int, int, int]:
    """How many pods, services and routes there are."""
    return pods, pods * SERVICES // PODS, pods * ROUTES // PODS


def pages(pods: int) -> dict[str, list[Json]]:
    many, some, few = counts(pods)
    makers = {"pods": (pod, many), "services": (service, some), "virtualservices": (route, few)}
    return {plural: [make(number) for number in range(count)] for plural, (make, count) in makers.items()}


def serve(pods: int) -> None:
    """The server's process: answers from memory, each page made and compressed once; prints its port."""
    from aiohttp import web

    objects = pages(pods)
    kinds = {"pods": "PodList", "services": "ServiceList", "virtualservices": "VirtualServiceList"}
    cache: dict[tuple[str, int, int, bool], bytes] = {}

    def page(path: str, start: int, limit: int, compress: bool) -> bytes:
        key = (path, start, limit, compress)
        if key not in cache:
            every = objects[PATHS[path]]
            end = start + limit if limit else len(every)
            about: Json = {"resourceVersion": "99999"}
            if end < len(every):
                about["continue"] = str(end)
            version = path.removeprefix("/apis/").removeprefix("/api/").rpartition("/")[0]
            head = {"kind": kinds[PATHS[path]], "apiVersion": version, "metadata": about}
            body = json.dumps({**head, "items": every[start:end]}, separators=(",", ":")).encode()
            cache[key] = gzip.compress(body, 1) if compress else body
        return cache[key]

    def described(group: str, version: str, resources: list[tuple[str, str]]) -> Json:
        entries = [
            {"name": plural, "kind": kind, "namespaced": True, "singularName": "", "verbs": ["list", "get", "watch"]}
            for plural, kind in resources
        ]
        return {
            "kind": "APIResourceList",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": entries,
        }

    async def answer(request: web.Request) -> web.Response:
        path = request.path
        if path in PATHS:
            compress = "gzip" in request.headers.get("Accept-Encoding", "")
            query = request.query
            body = page(path, int(query.get("continue") or 0), int(query.get("limit") or 0), compress)
            headers = {"Content-Encoding": "gzip"} if compress else {}
            return web.Response(body=body, content_type="application/json", headers=headers)
        group = "networking.istio.io"
        fixed: dict[str, Json] = {
            "/version": {"gitVersion": "v1.34.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/api/v1": described("", "v1", [("pods", "Pod"), ("services", "Service")]),
            f"/apis/{group}/v1": described(group, "v1", [("virtualservices", "VirtualService")]),
        }
        version = {"groupVersion": f"{group}/v1", "version": "v1"}
        fixed["/apis"] = {
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{"name": group, "versions": [version], "preferredVersion": version}],
        }  # fmt: skip
        return web.json_response(fixed[path]) if path in fixed else web.json_response({"kind": "Status"}, status=404)

    async def main() -> None:
        app = web.Application()
        app.router.add_route("GET", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())


def read_with_meshtop(kubeconfig: str) -> None:
    from meshtop.sources.auth.kubeconfig import find_clusters
    from meshtop.sources.http.connection import Connection
    from meshtop.sources.kubernetes.kinds import BUILTIN, CONFIG
    from meshtop.sources.kubernetes.link import ServerLink
    from meshtop.sources.kubernetes.pacing import Pace
    from meshtop.sources.kubernetes.reader import KindReader

    async def read() -> None:
        connection = Connection(find_clusters(kubeconfig=kubeconfig, contexts=(), clusters=())[0], timeout_seconds=60)
        await connection.request("GET", "/version")
        link = ServerLink(connection, Pace(), time.time)
        wanted = [k for k in (*BUILTIN, *CONFIG) if k.plural in PATHS.values()]
        readers = [KindReader(link, kind, "v1") for kind in wanted]
        began = time.perf_counter()
        await asyncio.gather(*(reader.list_once() for reader in readers))
        report(began, sum(len(reader.objects) for reader in readers))
        await connection.close()

    asyncio.run(read())


def read_with_typed_client_paged(kubeconfig: str) -> None:
    client: Any = importlib.import_module("kubernetes.client")
    importlib.import_module("kubernetes.config").load_kube_config(kubeconfig)
    core, custom = client.CoreV1Api(), client.CustomObjectsApi()
    began = time.perf_counter()
    kept: list[Any] = []
    for method in (core.list_pod_for_all_namespaces, core.list_service_for_all_namespaces):
        more: str | None = None
        while more != "":
            page = method(limit=PAGE, **({"_continue": more} if more else {}))
            kept += page.items
            more = page.metadata._continue or ""
    more = None
    while more != "":
        page = custom.list_cluster_custom_object(
            "networking.istio.io", "v1", "virtualservices", limit=PAGE, **({"_continue": more} if more else {})
        )
        kept += page["items"]
        more = page["metadata"].get("continue") or ""
    report(began, len(kept))


def read_with_typed_client(kubeconfig: str) -> None:
    client: Any = importlib.import_module("kubernetes.client")
    importlib.import_module("kubernetes.config").load_kube_config(kubeconfig)
    core, custom = client.CoreV1Api(), client.CustomObjectsApi()
    began = time.perf_counter()
    kept = [core.list_pod_for_all_namespaces(), core.list_service_for_all_namespaces()]
    routes = custom.list_cluster_custom_object("networking.istio.io", "v1", "virtualservices")
    report(began, sum(len(entry.items) for entry in kept) + len(routes["items"]))


def read_with_kubectl(kubeconfig: str) -> None:
    """kubectl's own process is the child here; its memory is the largest child's."""
    count = 0
    home = tempfile.mkdtemp()
    began = time.perf_counter()
    for plural in PATHS.values():
        command = ["kubectl", "--kubeconfig", kubeconfig, "get", plural, "--all-namespaces", "-o", "json"]
        environment = {**os.environ, "HOME": home}
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
        count += output.count(b'"uid": "00000000-')
    report(began, count, who=resource.RUSAGE_CHILDREN)
    shutil.rmtree(home)


def report(began: float, count: int, who: int = resource.RUSAGE_SELF) -> None:
    seconds = time.perf_counter() - began
    used = resource.getrusage(who)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu, "count": count, "megabytes": used.ru_maxrss / 1024}))


MESHTOP, PAGED = "meshtop", "typed client, pages of 500"
UNPAGED, KUBECTL = "typed client, one page", "kubectl get -o json"
READERS = {
    MESHTOP: read_with_meshtop,
    PAGED: read_with_typed_client_paged,
    UNPAGED: read_with_typed_client,
    KUBECTL: read_with_kubectl,
}


@contextlib.contextmanager
def server(pods: int) -> Iterator[str]:
    """A running server's kubeconfig."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.listing", "--serve", "--pods", str(pods)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        try:
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            names = {"cluster": "c", "user": "u"}
            document = {
                "apiVersion": "v1", "kind": "Config", "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": url}}], "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "c", "context": names}],
            }  # fmt: skip
            path = Path(folder) / "config"
            path.write_text(json.dumps(document))
            yield str(path)
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    """Run every reader in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pods", type=int, default=PODS)
    parser.add_argument("--all-peers", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.pods)
        return
    if options.read:
        READERS[options.read[0]](options.read[1])
        return
    names = [name for name in READERS if name != KUBECTL or shutil.which("kubectl")]
    names = names if options.all_peers else [MESHTOP, PAGED]
    results: dict[str, list[Json]] = {name: [] for name in names}
    with server(options.pods) as kubeconfig:
        read_by(MESHTOP, kubeconfig)  # Fills the server's cache, which serves the same pages to both.
        for _ in range(options.rounds):
            for name in names:
                results[name].append(read_by(name, kubeconfig))
    show(results, counts(options.pods))


def read_by(name: str, kubeconfig: str) -> Json:
    """What one reader says of itself."""
    command = [sys.executable, "-m", "benchmarks.listing", "--read", name, kubeconfig]
    found: Json = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def show(results: dict[str, list[Json]], there: tuple[int, int, int]) -> None:
    """Medians, and how many times meshtop's."""
    print("{:,} pods, {:,} services, {:,} routes; medians\n".format(*there))
    print(f"{'':28}{'objects':>9}{'time':>10}{'CPU':>10}{'peak':>10}{'× time':>9}{'× CPU':>9}{'× peak':>9}")
    figures = ("seconds", "cpu", "megabytes")
    base = {figure: statistics.median(run[figure] for run in results[MESHTOP]) for figure in figures}
    for name, runs in results.items():
        mine = {figure: statistics.median(run[figure] for run in runs) for figure in figures}
        ratios = "".join(f"{mine[figure] / base[figure]:>9.1f}" for figure in figures)
        told = f"{mine['seconds']:>8.2f} s{mine['cpu']:>8.2f} s{mine['megabytes']:>7.0f} MB"
        print(f"{name:28}{runs[0]['count']:>9,}{told}{ratios}")
    pairs = [*zip(results[MESHTOP], results[PAGED], strict=True)]
    faster, whole, smaller = ([theirs[f] / mine[f] for mine, theirs in pairs] for f in figures)
    whose = f"{PAGED}: {statistics.median(run['cpu'] for run in results[PAGED]):.1f} s"
    memory = f"{PAGED}: {statistics.median(run['megabytes'] for run in results[PAGED]):.0f} MB"
    objects = f"listing {sum(there):,} objects"
    rows = [
        row_of(f"{objects}, first request to last object: wall", [mine["seconds"] for mine, _ in pairs],
               peer=PAGED, ratio=middle(faster)),
        row_of(f"{objects}, whole process: CPU", [mine["cpu"] for mine, _ in pairs], peer=PAGED, ratio=middle(whole)),
        row_of(f"{objects}: peak memory", [mine["megabytes"] for mine, _ in pairs], "MB",
               peer=PAGED, ratio=middle(smaller)),
    ]  # fmt: skip
    if there == counts(PODS):
        rows.append(goal_row("list-cpu", whole, peer=whose))
        rows.append(goal_row("list-memory", [1 / ratio for ratio in smaller], peer=memory))
    for name in (UNPAGED, KUBECTL):
        if name in results:
            cpu = statistics.median(run["cpu"] for run in results[name])
            rows.append(row_of(f"{objects} with {name}: CPU", [run["cpu"] for run in results[name]],
                               note=f"{cpu / base['cpu']:.1f} × ours"))  # fmt: skip
    print_rows(rows)


if __name__ == "__main__":
    main()
