"""What is run: commands by the world they run on. Names of kinds, options and commands are those of the docs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.golden.world import World

EVERYDAY = World("everyday", ("--scenario", "everyday"))
BAD_CANARY = World("bad-canary", ("--scenario", "bad-canary"))
DEAD_CLUSTER = World("dead-cluster", ("--scenario", "dead-cluster"), dies="eu-west")
INTRUDER = World("plaintext-intruder", ("--scenario", "plaintext-intruder"))
DRIFTED = World("drifted-config", ("--scenario", "drifted-config", "--registry", "karmada"))
ACTIONS = World("actions", ("--scenario", "drifted-config"))
SMALL = World("small", ("--scenario", "everyday", "--services", "2"))
"""Everything of `everyday` that a world of two services for each cluster can have; for the set that is committed."""

KINDS = (
    "clusters", "namespaces", "services", "workloads", "virtualmachines", "edges", "mtls", "trust", "certificates",
    "tenants", "canaries", "members", "federated", "controlplanes", "discovery", "localities", "drift", "attention",
    "changes",
    # Reached by an option or from a screen, and by their names too.
    "tenantmatrix", "tenanttree", "mtlsedges", "mtlsmatrix", "findings", "alerts", "slos",
)  # fmt: skip
FORMATS = ("table", "wide", "json", "yaml", "csv", "name")
COMMANDS = (
    "", "get", "graph", "show", "watch", "ack", "suggest", "suggest policies",
    "whatif", "whatif apply", "whatif strict", "whatif evacuate",
    "shift", "propagate", "rollback", "resume", "record", "replay", "diff", "incident",
    "journal", "doctor", "rules", "access", "access check", "access explain", "access test", "access who",
    "access reach", "serve", "mcp", "demo", "config",
    "config view", "config validate", "config schema", "config init", "completion",
)  # fmt: skip

SETTINGS = {
    "tenancy.yaml": """\
organization: acme
settings: {trafficMode: OPTIONAL}
tenants:
  - name: storefront
    workspaces:
      - name: shop
        namespaces: ["*/shop"]
        settings: {trafficMode: REQUIRED, authorizationMode: WORKSPACE}
        groups:
          traffic: [{name: web, namespaces: ["*/shop"]}]
      - name: loyalty
        namespaces: ["us-east/loyalty", "eu-west/loy*"]
  - name: payments
    workspaces:
      - {name: checkout, namespaces: ["*/checkout"]}
bindings:
  - {role: reader, subjects: ["user:maria", "team:oncall"], on: tenant/storefront}
""",
    "access.yaml": """\
policyClasses: [pc1]
userAttributes: {ua1: [pc1]}
objectAttributes: {oa3: [pc1], oa4: [pc1], oa2: [oa3], oa1: [oa4]}
users: {u1: [ua1]}
objects: {o1: [oa1, oa2]}
associations: [{userAttribute: ua1, rights: [read, write, execute], target: oa3}]
prohibitions:
  - {subject: ua1, rights: [read], include: [oa1, oa2]}
  - {subject: u1, rights: [write], include: [oa3]}
""",
    "calls.yaml": """\
workloads:
  - {namespace: shop, name: web, serviceAccount: web}
  - {namespace: shop, name: api, labels: {app: api}, ports: [{port: 8080, servicePort: 80}]}
cases:
  - name: web reads
    call: {from: {namespace: shop, workload: web}, to: {namespace: shop, workload: api}, method: GET, path: /v1}
    expected: allow
  - name: strangers do not
    call: {from: {principal: null}, to: {namespace: shop, workload: api}, method: GET}
    expected: allow
""",
    "policies.yaml": """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  rules: [{from: [{source: {serviceAccounts: [web]}}], to: [{operation: {paths: ["/v1*"]}}]}]
""",
    "tenants.yaml": "tenancy: tenancy.yaml\naccess: {user: maria}\n",
    "open.yaml": "tenancy: open-tenancy.yaml\n",
    "good.yaml": """\
refresh: 10s
window: 10m
readOnly: true
timeout: 60s
clusters:
  - {name: east, context: us-east}
  - {name: west, context: eu-west, readOnly: true}
health: {http5xxDegraded: 0.001}
canary: {guard: {latencyMs: 500, alpha: 0.01}, minimumRequests: 500}
apdexMs: 100
""",
    "not-yaml.yaml": "refresh: [5s\nwindow: 5m\n",
    "unknown-key.yaml": "refresh: 5s\nwindwo: 5m\n",
    "bad-value.yaml": "refresh: soon\n",
    "bad-cluster.yaml": "clusters:\n  - {name: east, context: nowhere}\n",
    "bad-tenancy.yaml": "tenancy: {organization: acme, tenants: [{name: a, workspaces: [{name: b, namespaces: [c]}]}]}",
    "lost-file.yaml": "tenancy: nowhere.yaml\n",
    "empty-kubeconfig": "",
    "odd-kubeconfig": "apiVersion: v1\nkind: Config\ncontexts: [\n",
    "unreachable": """\
apiVersion: v1
kind: Config
current-context: nobody
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: maria, user: {token: maria}}]
contexts: [{name: nobody, context: {cluster: nobody, user: maria}}]
""",
}
"""The files that lie in every world's folder, beside its kubeconfigs."""
SETTINGS["open-tenancy.yaml"] = SETTINGS["tenancy.yaml"].partition("bindings:")[0]


PATIENT = ("--timeout", "60s")
"""For what reads: a busy machine must not make a cluster look unreachable."""


@dataclass(frozen=True)
class Case:
    """One command: the words after `meshtop`, and files that it writes, which belong to its output."""

    words: tuple[str, ...]
    kubeconfig: str = "kubeconfig"
    """The kubeconfig of its environment; empty for none."""
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A file name that tells what it is: the words, with the kubeconfig where it is another one."""
        other = () if self.kubeconfig in ("kubeconfig", "") else (f"as-{self.kubeconfig}",)
        said = self.words[: -len(PATIENT)] if self.words[-len(PATIENT) :] == PATIENT else self.words
        plain = re.sub(r"[^\w.=,@-]+", "_", "-".join((*said, *other)).replace(">", "gt").replace("<", "lt"))
        return plain.strip("_") or "console"


def reading(line: str, *more: str, kubeconfig: str = "kubeconfig") -> Case:
    """A command that reads the clusters."""
    return Case((*line.split(), *more, *PATIENT), kubeconfig)


def kinds(*formats: str) -> Iterator[Case]:
    """Every kind in each of the formats."""
    for kind in KINDS:
        for form in formats:
            yield reading(f"get {kind} -o {form}")


def helps() -> Iterator[Case]:
    """The help of every command, the version and the completion scripts: nothing that needs a cluster."""
    for command in COMMANDS:
        yield Case((*command.split(), "--help"), "")
    for line in ("--version", "demo --list", "config schema", "completion bash", "completion zsh", "completion fish"):
        yield Case(tuple(line.split()), "")


def mistakes() -> Iterator[Case]:
    """What is refused before a cluster is asked, or because there is none to ask."""
    for line in (
        "", "gat edges", "get", "get nosuch", "get edgse", "get clusters -o nosuch", "get clusters --window 0s",
        "get clusters --window soon", "get clusters --timeout never", "get clusters --at someday",
        "get clusters --at 2031-01-01T00:00:00Z", "get clusters --color blue", "get clusters --nosuch",
        "get clusters --context nowhere", "get clusters --cluster nowhere", "get services --edges",
        "get services --matrix", "get clusters --filter nosuch:1", "get edges --filter errorRato:1",
        "get edges --filter errorRatio:>x", "get edges --filter source:~[", "get edges --sort nosuch",
        "graph -o nosuch", "graph --level nosuch", "graph --hops 99", "graph --filter nosuch:1", "whatif",
        "whatif nosuch",
        "whatif apply", "whatif strict", "whatif evacuate", "shift shop/reviews", "shift shop/reviews --to v3=lots",
        "shift shop/reviews --to v3=20 --guard nosuch", "shift shop/reviews --to v3=20,v2=90 --plan 5,25",
        "shift shop/reviews --to v3=20 --plan 25,5 --no-wait", "shift shop/reviews --to v3=20 --every never",
        "propagate virtualservice shop/reviews", "rollback", "rollback nosuch", "resume", "resume nosuch", "journal",
        "journal nosuch", "journal -o json", "rules --label nosuch", "access", "access check u1 o1",
        "access check u1 o1 --policy nowhere.yaml", "access check nobody o1 --policy access.yaml",
        "access who", "access who web",
        "access test", "access test nowhere.yaml", "access test policies.yaml", "access test access.yaml",
        "access check u1 nothing --policy access.yaml", "access check u1 o1 --policy not-yaml.yaml",
        "demo --scenario nosuch", "demo --serve -- get clusters", "demo --clusters 0", "completion nosuch",
        "config nosuch", "config view --config nowhere.yaml", "config view --config not-yaml.yaml",
        "config view --config unknown-key.yaml", "config view --config bad-value.yaml",
        "config validate --config bad-cluster.yaml", "config validate --config bad-tenancy.yaml",
        "config validate --config lost-file.yaml", "config init --config good.yaml",
        "get clusters --config bad-value.yaml",
    ):  # fmt: skip
        yield Case(tuple(line.split()))
    yield Case(("get", "clusters"), "")
    for kubeconfig in ("nowhere", "empty-kubeconfig", "odd-kubeconfig"):
        yield Case(("get", "clusters"), kubeconfig)
    for line in ("get clusters", "get clusters -o json", "doctor", "graph", "shift shop/reviews --to v3=20 --dry-run",
                 "propagate virtualservice shop/reviews --from nobody --to nobody --dry-run"):  # fmt: skip
        yield reading(line, kubeconfig="unreachable")


def settings() -> Iterator[Case]:
    """The settings: in force, checked, written; and what a policy answers."""
    for line in ("config view", "config view -o json", "config view -o yaml", "config validate"):
        yield Case(tuple(line.split()))
        yield Case((*line.split(), "--config", "good.yaml"))
    for line in ("rules", "rules -o file", "rules --name mine -n monitoring --label team=mesh --config good.yaml"):
        yield Case(tuple(line.split()))
    yield Case(("config", "validate", "--config", "tenants.yaml"))
    yield Case(("config", "init", "--offline", "--config", "first.yaml"), files=("first.yaml",))
    for form in ("table", "json", "yaml"):
        yield Case(("access", "check", "u1", "o1", "--policy", "access.yaml", "-o", form))
        yield Case(("access", "test", "calls.yaml", "policies.yaml", "-o", "text" if form == "table" else form))
        yield reading(f"access check maria tenant:storefront --config tenants.yaml -o {form}")
        for right in ("read", "execute"):
            yield Case(("access", "explain", "u1", right, "o1", "--policy", "access.yaml", "-o", form))
        yield reading(f"access explain maria shift namespace:us-east/shop --config tenants.yaml -o {form}")
    yield Case(("config", "init", "--tenancy", "--config", "asked/first.yaml", *PATIENT), files=("asked/tenancy.yaml",))


def refusals() -> Iterator[Case]:
    """What clusters, read-only, a policy, or what is there forbid."""
    shift, copy = "shift shop/reviews --to v3=20 --dry-run", "propagate virtualservice shop/reviews --from us-east --to"
    for line in (
        f"{shift} --read-only", f"{copy} eu-west --dry-run --read-only", "shift shop/nosuch --to v3=20 --dry-run",
        "shift shop/reviews --to v9=20 --dry-run", "shift nosuch --to v3=20 --dry-run", "shift shop/reviews --to v3=20",
        f"{copy} nowhere --dry-run", f"{copy} us-east --dry-run", f"{copy} eu-west --wave nowhere --dry-run",
        "propagate nosuch shop/reviews --from us-east --to eu-west --dry-run",
        "propagate virtualservice shop/nosuch --from us-east --to eu-west --dry-run",
        "propagate virtualservice shop/reviews --from nowhere --to eu-west --dry-run",
        "propagate tenant nosuch --from us-east --to eu-west --dry-run", "get services nosuch",
        "get services nosuch -o json",
        "get edges -n nosuch", "get edges --tenant nosuch", "whatif strict nosuch", "whatif evacuate nowhere",
        "graph --focus nosuch", "graph --path storefront nosuch",
    ):  # fmt: skip
        yield reading(line)
    for line in ("get clusters", "get clusters -o json", "get services", "doctor", "graph"):
        yield reading(line, kubeconfig="stranger")
    for line in ("get clusters", "doctor", shift, f"{copy} eu-west --dry-run"):
        yield reading(line, kubeconfig="viewer")
    for line in ("get namespaces", "get edges", "get namespaces -o json", "graph", shift, f"{copy} eu-west --dry-run"):
        yield reading(line, "--config", "tenants.yaml")


def views() -> Iterator[Case]:
    """The graph, what-if, the doctor, plans that are not carried out, and options that change an answer."""
    for form in ("text", "tree", "dot", "mermaid", "json", "svg"):
        for more in ("", "--level clusters", "--level tenants", "--level namespaces", "--level workloads --idle",
                     "--focus us-east/shop/reviews --hops 2",
                     "--path us-east/shop/storefront us-east/shop/ratings", "--unhealthy"):  # fmt: skip
            yield reading(f"graph -o {form} {more}")
    for line in ("graph --focus shop/reviews", "graph --ascii", "graph --color always", "graph --cluster us-east",
                 "graph --tenant payments", "graph -n shop"):  # fmt: skip
        yield reading(line)
    yield reading("graph", "--filter", "errorRatio:>0.1%")
    for form in ("table", "json", "yaml"):
        for scope in ("shop", "warehouse", "mesh"):
            yield reading(f"whatif strict {scope} -o {form}")
        for cluster in ("us-east", "eu-west", "on-prem"):
            yield reading(f"whatif evacuate {cluster} -o {form}")
    for line in ("whatif strict mesh --all", "whatif evacuate us-east --all", "doctor", "doctor -v", "doctor -o json",
                 "doctor -o yaml", "doctor --read-only", "doctor --cluster on-prem",
                 "shift shop/reviews --to v3=20 --dry-run",
                 "shift shop/reviews --to v3=40 --dry-run", "shift shop/reviews --to v3=50 --plan 5,25,50 --dry-run",
                 "shift shop/catalog --to v2=50 --wave eu-west --guard none --reason test --dry-run",
                 "shift shop/reviews#weighted --to v2=60,v3=40 --cluster us-east --dry-run",
                 "shift warehouse/pick-planner --to v2=0 --dry-run",
                 "propagate virtualservice shop/reviews --from us-east --to eu-west --dry-run",
                 "propagate vs shop/catalog --from us-east --to eu-west --dry-run --force",
                 "propagate destinationrule shop/catalog --from eu-west --to us-east --dry-run",
                 "propagate peerauthentication checkout/default --from us-east --to eu-west,on-prem --dry-run",
                 "propagate tenant payments --from us-east --wave eu-west --to on-prem --dry-run",
                 "propagate tenant storefront --from us-east --to eu-west --dry-run --force",
                 "propagate identity shop --from us-east --to eu-west --dry-run",
                 "propagate identity --from eu-west --to us-east --dry-run",
                 "get edges --ascii", "get edges --color always", "get edges --no-headers",
                 "get services -n shop --sort -errorRatio",
                 "get workloads --cluster on-prem --window 1m", "get workloads --tenant payments",
                 "get workloads shop/reviews*",
                 "get wl us-east/shop/* -o name", "get clusters --read-only -o json", "get clusters us-east -o yaml",
                 "get edges --at 2026-08-01T13:00:00Z", "get canaries --at 2026-08-01T13:55:00Z -o json",
                 "get tenants --matrix",
                 "get tenants --matrix -o wide", "get tenants --matrix -o json", "get mtls --edges",
                 "get mtls --edges -o wide",
                 "get mtls --edges -o csv", "get mtls --edges -o json", "get clusters --config good.yaml",
                 "get namespaces --config good.yaml -o json"):  # fmt: skip
        yield reading(line)
    for expression in ("namespace:shop errorRatio:>0.1%", "!tenant:storefront requests:>100", "reviews", "mtls:<99%",
                       "destination:~^re source.cluster:us-east"):  # fmt: skip
        yield reading("get edges", "--filter", expression)
    for kind in ("tenants", "tenanttree", "tenantmatrix", "namespaces", "edges", "findings"):
        for form in ("table", "json"):
            yield reading(f"get {kind} -o {form} --config open.yaml")


def copies() -> Iterator[Case]:
    """Copies that would change something, where clusters differ."""
    for subject in ("peerauthentication checkout/default", "authorizationpolicy checkout/payments-callers",
                    "destinationrule shop/catalog", "virtualservice shop/reviews", "rolebinding checkout/deployers",
                    "tenant payments", "tenant storefront", "identity checkout", "identity"):  # fmt: skip
        for more in ("", " --force"):
            yield reading(f"propagate {subject} --from us-east --to eu-west --dry-run{more}")


def actions() -> Iterator[Case]:
    """What is written, one after the other: shifts, copies, and taking them back; and the journal of it all."""
    first = "20260801-140500-id00"
    for line in (
        "journal", "shift shop/reviews --to v3=35 --yes --no-wait --reason first", "journal", "journal -o json",
        f"journal {first}", f"journal {first} -o json", f"journal {first} -o yaml", f"resume {first}",
        "get canaries shop/reviews*", "shift shop/catalog --to v2=30 --wave eu-west --yes --no-wait",
        "get canaries -o json", "propagate destinationrule shop/catalog --from us-east --to eu-west --yes --force",
        "propagate peerauthentication checkout/default --from us-east --to eu-west --yes --reason copy",
        "propagate peerauthentication checkout/default --from us-east --to eu-west --yes",
        "shift shop/catalog --to v2=30 --wave eu-west --yes --no-wait",
        "propagate virtualservice shop/reviews --from us-east --to eu-west --yes", "get drift", "journal -o yaml",
        "rollback --yes", "journal", "rollback --yes", f"rollback {first} --yes", f"journal {first}", "rollback nosuch",
        "get drift -o json",
        "get canaries", "journal",
    ):  # fmt: skip
        yield reading(line) if not line.startswith("journal") else Case(tuple(line.split()))


PLAN: tuple[tuple[World, tuple[Case, ...]], ...] = (
    (EVERYDAY, (*helps(), *settings(), *mistakes(), *kinds(*FORMATS), *views(), *refusals())),
    (BAD_CANARY, (*kinds("table", "json"), reading("doctor"))),
    (INTRUDER, (*kinds("table", "json"), reading("whatif strict mesh"))),
    (DRIFTED, (*kinds("table", "json"), reading("get drift -o yaml"), reading("get drift -o wide"), reading("doctor"),
               *copies())),
    (ACTIONS, tuple(actions())),
    (DEAD_CLUSTER, (*kinds("table", "json"), reading("doctor"), reading("graph"), reading("whatif evacuate us-east"),
                    reading("shift shop/reviews --to v3=20 --dry-run"),
                    reading("propagate vs shop/reviews --from us-east --to eu-west --dry-run"))),
)  # fmt: skip
"""Each world and its commands, in the order in which the worlds are served."""

SMALL_PLAN: tuple[tuple[World, tuple[Case, ...]], ...] = (
    (SMALL, (*helps(), *settings(), *mistakes(), *kinds("json", "table"))),
)
"""What the committed set holds."""
