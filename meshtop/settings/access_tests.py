"""Files of `meshtop access test`: policies, workloads and calls with the verdict that each should get.

A file holds `cases`, and beside them what they share; or it holds manifests (YAML documents with a `kind`), which are
policies of all cases. Every error names file, line and key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from meshtop.model.yaml_input import YamlRefused, load_yaml, read_bounded, text_of_yaml
from meshtop.settings.checked import Where, checked, fault, where_in
from meshtop.settings.document import ConfigError, KeyPath, parse_document

POLICY_KINDS = ("AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication")
EXPECTED = Literal["allow", "deny", "custom", "depends"]
_DOCUMENTS = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_MANIFEST = re.compile(r"^kind:\s*\S", re.MULTILINE)
MAX_BYTES = 16 * 1024 * 1024


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, strict=True)


class PolicyFeatures(_Section):
    """Switches of istiod that policies depend on."""

    multiple_custom_providers: bool = False
    selector_based_k8s_gateway_policy: bool = Field(default=True, alias="selectorBasedK8sGatewayPolicy")


class MeshUnderTest(_Section):
    """The mesh's configuration, as far as policies depend on it."""

    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: list[str] = Field(default_factory=list)
    path_normalization: Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "DEFAULT"
    num_trusted_proxies: int = 0
    extension_providers: list[str] | None = None
    features: PolicyFeatures = Field(default_factory=PolicyFeatures)


class WorkloadPort(_Section):
    """A port of a workload; `servicePort` is the Service's, null where the port is in none."""

    name: str = ""
    port: int
    service_port: int | None = None
    protocol: Literal["http", "grpc", "tcp"] = "http"


class NamedWaypoint(_Section):
    """A waypoint by its workload, and which calls go through it."""

    namespace: str
    name: str
    for_: Literal["service", "workload", "all", "none"] = Field(default="service", alias="for")


class WorkloadUnderTest(_Section):
    """A workload that calls or is called."""

    namespace: str
    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    service_account: str = "default"
    ip: str | None = None
    ports: list[WorkloadPort] = Field(default_factory=list)
    proxy: Literal["sidecar", "ambient", "none", "gateway", "waypoint"] = "sidecar"
    waypoint: NamedWaypoint | None = None


class ServiceUnderTest(_Section):
    """A Service, or a ServiceEntry by its object's name."""

    namespace: str
    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    service_entry: bool = False
    hosts: list[str] = Field(default_factory=list)
    waypoint: NamedWaypoint | None = None


class CallSource(_Section):
    """Who calls; `workload` null is a caller outside of the cluster, `principal` null one in plaintext."""

    namespace: str | None = None
    workload: str | None = None
    principal: str | None = None
    ip: str | None = None
    remote_ip: str | None = None


class CallTarget(_Section):
    """What is called; `port` is the workload's, `service` null means the address of the workload."""

    namespace: str
    workload: str
    port: int | None = None
    service_port: int | None = None
    service: str | None = None


class CallUnderTest(_Section):
    """One call. What is left out is not known, and a verdict that hangs on it is `depends`."""

    from_: CallSource = Field(alias="from")
    to: CallTarget
    protocol: Literal["http", "grpc", "tcp"] = "http"
    method: str | None = None
    path: str | None = None
    host: str | None = None
    headers: dict[str, str] | None = None
    jwt: dict[str, Any] | None = None
    sni: str | None = None


class AccessCase(_Section):
    """One case; `topic`, `from`, `why` and `custom` are notes for readers."""

    name: str = Field(min_length=1)
    call: CallUnderTest
    expected: EXPECTED
    mesh: MeshUnderTest | None = None
    policies: list[dict[str, Any]] = Field(default_factory=list)
    workloads: list[WorkloadUnderTest] = Field(default_factory=list)
    services: list[ServiceUnderTest] = Field(default_factory=list)
    topic: str = ""
    from_: str = Field(default="", alias="from")
    why: str = ""
    custom: dict[str, Any] | None = None


class AccessTestFile(_Section):
    """The whole of a file; what stands beside `cases` is shared by them all."""

    cases: list[AccessCase] = Field(min_length=1)
    mesh: MeshUnderTest = Field(default_factory=MeshUnderTest)
    policies: list[dict[str, Any]] = Field(default_factory=list)
    workloads: list[WorkloadUnderTest] = Field(default_factory=list)
    services: list[ServiceUnderTest] = Field(default_factory=list)
    source: Any = None


class AccessTest(Struct, frozen=True, kw_only=True):
    """One case with all that it stands on; workloads by namespace and name."""

    name: str
    expected: str
    mesh: MeshUnderTest
    policies: tuple[Mapping[str, Any], ...]
    workloads: Mapping[tuple[str, str], WorkloadUnderTest]
    services: tuple[ServiceUnderTest, ...]
    call: CallUnderTest


def read_access_tests(paths: Sequence[Path], given: Mapping[Path, bytes] = MappingProxyType({})) -> list[AccessTest]:
    """The cases of all files. Raises ConfigError with file, line and key, also where no file holds a case.

    `given` is what was read already, by the name that it has in errors: stdin, for example.
    """
    shared: list[Mapping[str, Any]] = []
    files: list[tuple[AccessTestFile, Where]] = []
    for path in paths:
        text = _text(path, given)
        if _is_manifest(text):
            shared += _manifests(text, path)
        else:
            files.append(_test_file(text, path))
    if not files:
        named = ", ".join(map(str, paths))
        raise ConfigError(f"There are no cases in {named}: name a file with `cases` too.")
    return [test for file, where in files for test in _tests(file, where, shared)]


def _is_manifest(text: str) -> bool:
    """Whether a file holds objects with a `kind`, in YAML or JSON, and not cases."""
    if not text.lstrip().startswith("{"):
        return _MANIFEST.search(text) is not None
    import msgspec

    try:
        data = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and "kind" in data and "cases" not in data


def _text(path: Path, given: Mapping[Path, bytes]) -> str:
    try:
        return text_of_yaml(given[path] if path in given else read_bounded(path, most=MAX_BYTES))
    except YamlRefused as refusal:
        raise ConfigError(f"{path}{f', line {refusal.line}' if refusal.line else ''}: this {refusal.why}.") from refusal
    except OSError as error:
        why = "it is a directory" if isinstance(error, IsADirectoryError) else (error.strerror or str(error)).lower()
        raise ConfigError(f"The file {path} cannot be read: {why}.") from error


def _test_file(text: str, path: Path) -> tuple[AccessTestFile, Where]:
    """A file with cases. A big one in JSON is decoded as such; lines are looked up only for an error."""
    if text.lstrip().startswith("{"):
        import msgspec

        try:
            data = msgspec.json.decode(text)
            return checked(AccessTestFile, data, lambda at: str(path)), lambda at: str(path)
        except (ValueError, RecursionError, ConfigError):
            pass  # the reader of YAML says the same with the line
    document = parse_document(text, path, example="cases: []")
    where = where_in(document)
    return checked(AccessTestFile, document.data, where), where


def _manifests(text: str, path: Path) -> list[Mapping[str, Any]]:
    """The policies among the documents of a manifest file; other kinds are left out."""
    found: list[Mapping[str, Any]] = []
    line = 1
    for part in _DOCUMENTS.split(text):
        try:
            document = load_yaml(part)
        except YamlRefused as refusal:
            at = line + (refusal.line or 1) - 1
            raise ConfigError(f"{path}, line {at}: this {refusal.why}.") from refusal
        objects = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else [document]
        for obj in objects if isinstance(objects, list) else []:
            if isinstance(obj, dict) and obj.get("kind") in POLICY_KINDS:
                _check_policy(obj, _at_line(path, line), ())
                found.append(obj)
        line += part.count("\n")
    return found


def _at_line(path: Path, line: int) -> Where:
    """The place of a whole document in a file of several."""
    return lambda at: f"{path}, document at line {line}"


def _tests(file: AccessTestFile, where: Where, shared: Sequence[Mapping[str, Any]]) -> list[AccessTest]:
    for index, policy in enumerate(file.policies):
        _check_policy(policy, where, ("policies", index))
    seen: dict[str, int] = {}
    found = []
    for number, case in enumerate(file.cases):
        at: KeyPath = ("cases", number)
        if case.name in seen:
            raise fault(where, (*at, "name"), f"{case.name} is the name of cases[{seen[case.name]}] too; use another")
        seen[case.name] = number
        for index, policy in enumerate(case.policies):
            _check_policy(policy, where, (*at, "policies", index))
        workloads = {(one.namespace, one.name): one for one in (*file.workloads, *case.workloads)}
        services = {(one.namespace, one.name): one for one in (*file.services, *case.services)}
        _check_call(case.call, workloads, where, (*at, "call"))
        for workload in workloads.values():
            _check_waypoint(workload.waypoint, workloads, f"{workload.namespace}/{workload.name}", where, at)
        found.append(
            AccessTest(
                name=case.name,
                expected=case.expected,
                mesh=case.mesh or file.mesh,
                policies=(*shared, *file.policies, *case.policies),
                workloads=workloads,
                services=tuple(services.values()),
                call=case.call,
            )
        )
    return found


def _check_policy(policy: Mapping[str, Any], where: Where, at: KeyPath) -> None:
    """Raise ConfigError unless it is told what a policy is and where; its spec is judged as it is."""
    if policy.get("kind") not in POLICY_KINDS:
        raise fault(where, (*at, "kind"), f"write one of {', '.join(POLICY_KINDS)}")
    metadata = policy.get("metadata")
    if not isinstance(metadata, Mapping):
        raise fault(where, (*at, "metadata"), "must be a mapping with name and namespace")
    for key in ("name", "namespace"):
        if not isinstance(metadata.get(key), str) or not metadata[key]:
            raise fault(where, (*at, "metadata", key), "write text")
    for key in ("annotations", "labels"):
        marks = metadata.get(key)
        if marks is not None and not (
            isinstance(marks, Mapping) and all(isinstance(value, str) for value in marks.values())
        ):
            raise fault(where, (*at, "metadata", key), 'must be a mapping of text; put true in quotes: "true"')


def _check_call(
    call: CallUnderTest, workloads: Mapping[tuple[str, str], WorkloadUnderTest], where: Where, at: KeyPath
) -> None:
    known = ", ".join(f"{namespace}/{name}" for namespace, name in list(workloads)[:8]) or "none"
    if (call.to.namespace, call.to.workload) not in workloads:
        raise fault(
            where,
            (*at, "to", "workload"),
            f"{call.to.namespace}/{call.to.workload} is not among the workloads; there are {known}",
        )
    caller = call.from_
    if caller.workload is None:
        return
    if caller.namespace is None:
        raise fault(where, (*at, "from", "namespace"), f"write the namespace of {caller.workload}")
    if (caller.namespace, caller.workload) not in workloads:
        raise fault(
            where,
            (*at, "from", "workload"),
            f"{caller.namespace}/{caller.workload} is not among the workloads; there are {known}",
        )


def _check_waypoint(
    waypoint: NamedWaypoint | None,
    workloads: Mapping[tuple[str, str], WorkloadUnderTest],
    of: str,
    where: Where,
    at: KeyPath,
) -> None:
    if waypoint is not None and (waypoint.namespace, waypoint.name) not in workloads:
        raise fault(
            where, (*at, "workloads"), f"the waypoint {waypoint.namespace}/{waypoint.name} of {of} is not among them"
        )
