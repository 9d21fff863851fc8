"""The form of each kind: which fields are lists, mappings, texts or numbers, and which must be there.

An API server checks objects against their CRD, but files, old CRDs and other controllers do not. What is not of its
kind's form is judged by no rule but this one, so that it costs one finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtop.model.kube import ConfigObject

TEXT, NUMBER, FLAG, ANY = "text", "number", "flag", "any"
Form = Any
"""A form: one of the words above, a list with the form of its items, or a dict of fields (`*` for any other name)."""

_STRING_MATCH = {"exact": TEXT, "prefix": TEXT, "regex": TEXT}
_PORT = {"number": NUMBER, "name": TEXT}
_DESTINATION = {"host": TEXT, "subset": TEXT, "port": _PORT}
_WEIGHTED = {"destination": _DESTINATION, "weight": NUMBER, "headers": {"*": ANY}}
_LABELS = {"*": ANY}
_L4_MATCH = {
    "destinationSubnets": [TEXT],
    "port": NUMBER,
    "sourceLabels": _LABELS,
    "gateways": [TEXT],
    "sourceNamespace": TEXT,
}
_PERCENT = {"value": NUMBER}
_TLS = {"mode": TEXT, "caCertificates": TEXT, "credentialName": TEXT, "sni": TEXT, "subjectAltNames": [TEXT]}
_POLICY: dict[str, Form] = {
    "tls": _TLS,
    "loadBalancer": {"localityLbSetting": {"failover": [{"*": ANY}], "distribute": [{"*": ANY}]}, "*": ANY},
    "outlierDetection": {"*": ANY},
    "connectionPool": {"*": ANY},
}
_TRAFFIC = {**_POLICY, "portLevelSettings": [{"port": _PORT, **_POLICY}]}
_SELECTOR = {"matchLabels": _LABELS}
_REFERENCE = {"kind": TEXT, "group": TEXT, "name": TEXT, "namespace": TEXT}
_SOURCE = {
    name: [TEXT]
    for field in ("principals", "requestPrincipals", "namespaces", "ipBlocks", "remoteIpBlocks", "serviceAccounts")
    for name in (field, f"not{field[0].upper()}{field[1:]}")
}
_OPERATION = {
    name: [TEXT]
    for field in ("hosts", "ports", "methods", "paths")
    for name in (field, f"not{field[0].upper()}{field[1:]}")
}
_ROUTE_STATUS = {"parentRefs": [_REFERENCE], "hostnames": [TEXT], "rules": [{"backendRefs": [_REFERENCE], "*": ANY}]}

_FORMS: Mapping[str, Form] = {
    "VirtualService": {
        "hosts": [TEXT],
        "gateways": [TEXT],
        "exportTo": [TEXT],
        "http": [
            {
                "name": TEXT,
                "match": [
                    {
                        "name": TEXT,
                        "uri": _STRING_MATCH,
                        "scheme": _STRING_MATCH,
                        "method": _STRING_MATCH,
                        "authority": _STRING_MATCH,
                        "headers": {"*": ANY},
                        "withoutHeaders": {"*": ANY},
                        "queryParams": {"*": ANY},
                        "port": NUMBER,
                        "sourceLabels": _LABELS,
                        "sourceNamespace": TEXT,
                        "gateways": [TEXT],
                    }
                ],
                "route": [_WEIGHTED],
                "redirect": {"*": ANY},
                "directResponse": {"*": ANY},
                "delegate": {"name": TEXT, "namespace": TEXT},
                "rewrite": {"*": ANY},
                "retries": {"*": ANY},
                "fault": {
                    "delay": {"percent": NUMBER, "percentage": _PERCENT, "*": ANY},
                    "abort": {"percentage": _PERCENT, "*": ANY},
                },
                "mirror": _DESTINATION,
                "mirrors": [{"destination": _DESTINATION, "percentage": _PERCENT}],
                "mirrorPercentage": _PERCENT,
                "headers": {"*": ANY},
            }
        ],
        "tcp": [{"match": [_L4_MATCH], "route": [_WEIGHTED]}],
        "tls": [{"match": [{**_L4_MATCH, "sniHosts": [TEXT]}], "route": [_WEIGHTED]}],
    },
    "DestinationRule": {
        "host": TEXT,
        "trafficPolicy": _TRAFFIC,
        "subsets": [{"name": TEXT, "labels": _LABELS, "trafficPolicy": _TRAFFIC}],
        "exportTo": [TEXT],
        "workloadSelector": _SELECTOR,
    },
    "Gateway": {
        "selector": _LABELS,
        "servers": [
            {
                "hosts": [TEXT],
                "name": TEXT,
                "port": {"number": NUMBER, "name": TEXT, "protocol": TEXT},
                "tls": {"mode": TEXT, "credentialName": TEXT, "serverCertificate": TEXT, "httpsRedirect": FLAG},
            }
        ],
    },
    "ServiceEntry": {
        "hosts": [TEXT],
        "addresses": [TEXT],
        "ports": [{"number": NUMBER, "name": TEXT, "protocol": TEXT, "targetPort": NUMBER}],
        "location": TEXT,
        "resolution": TEXT,
        "endpoints": [{"*": ANY}],
        "exportTo": [TEXT],
        "workloadSelector": {"labels": _LABELS},
    },
    "Sidecar": {
        "workloadSelector": {"labels": _LABELS},
        "egress": [{"hosts": [TEXT], "port": {"*": ANY}}],
        "ingress": [{"port": {"*": ANY}}],
        "outboundTrafficPolicy": {"mode": TEXT, "egressProxy": {"*": ANY}},
    },
    "EnvoyFilter": {
        "priority": NUMBER,
        "workloadSelector": {"labels": _LABELS},
        "configPatches": [
            {
                "applyTo": TEXT,
                "match": {
                    "context": TEXT,
                    "proxy": {"proxyVersion": TEXT},
                    "listener": {"filterChain": {"filter": {"name": TEXT}}},
                },
                "patch": {"operation": TEXT, "value": {"*": ANY}},
            }
        ],
    },
    "ProxyConfig": {"selector": _SELECTOR, "image": {"imageType": TEXT}},
    "PeerAuthentication": {"selector": _SELECTOR, "mtls": {"mode": TEXT}, "portLevelMtls": {"*": {"mode": TEXT}}},
    "RequestAuthentication": {
        "selector": _SELECTOR,
        "targetRef": _REFERENCE,
        "targetRefs": [_REFERENCE],
        "jwtRules": [{"issuer": TEXT, "jwksUri": TEXT}],
    },
    "AuthorizationPolicy": {
        "selector": _SELECTOR,
        "targetRef": _REFERENCE,
        "targetRefs": [_REFERENCE],
        "action": TEXT,
        "rules": [
            {
                "from": [{"source": _SOURCE}],
                "to": [{"operation": _OPERATION}],
                "when": [{"key": TEXT, "values": [TEXT], "notValues": [TEXT]}],
            }
        ],
    },
    "Telemetry": {
        "selector": _SELECTOR,
        "targetRef": _REFERENCE,
        "targetRefs": [_REFERENCE],
        "tracing": [{"providers": [{"name": TEXT}], "*": ANY}],
        "metrics": [{"providers": [{"name": TEXT}], "*": ANY}],
        "accessLogging": [{"providers": [{"name": TEXT}], "*": ANY}],
    },
    "WasmPlugin": {"selector": _SELECTOR, "targetRef": _REFERENCE, "targetRefs": [_REFERENCE], "url": TEXT},
    "Gateway.gateway.networking.k8s.io": {
        "gatewayClassName": TEXT,
        "listeners": [{"name": TEXT, "hostname": TEXT, "port": NUMBER, "protocol": TEXT}],
    },
    "HTTPRoute": _ROUTE_STATUS,
    "GRPCRoute": _ROUTE_STATUS,
    "TCPRoute": _ROUTE_STATUS,
    "TLSRoute": _ROUTE_STATUS,
    "MutatingWebhookConfiguration": {"webhooks": [{"name": TEXT, "clientConfig": {"url": TEXT}, "*": ANY}]},
    "ValidatingWebhookConfiguration": {"webhooks": [{"name": TEXT, "clientConfig": {"url": TEXT}, "*": ANY}]},
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "VirtualService": ("hosts",),
    "DestinationRule": ("host",),
    "Gateway": ("servers",),
    "ServiceEntry": ("hosts",),
    "EnvoyFilter": ("configPatches",),
    "Gateway.gateway.networking.k8s.io": ("gatewayClassName", "listeners"),
}
"""The fields without which an object does nothing; Istio's own validation refuses it (a delegate needs no hosts)."""
_WORDS = {TEXT: "text", NUMBER: "a number", FLAG: "true or false"}


def misshapen(kind: str, obj: ConfigObject) -> str | None:
    """Which field is of the wrong type, in words; None where the object can be judged."""
    parts: tuple[tuple[str, Any], ...] = (("spec", obj.spec), ("status", obj.status))
    for name, part in parts:
        if not isinstance(part, Mapping):
            return f"{name} is {_called(part)}, and has to be a mapping"
    return _wrong(obj.spec, _FORMS.get(kind, ANY), "spec")


def lacking(kind: str, obj: ConfigObject) -> tuple[str, ...]:
    """The required fields that an object of the right form does not have."""
    return tuple(field for field in _REQUIRED.get(kind, ()) if not obj.spec.get(field))


def _wrong(value: Any, form: Form, path: str) -> str | None:
    """The first field that is not of its form, in words. Paths are put together only once something is wrong."""
    if value is None or form is ANY:
        return None
    if type(form) is str:
        return None if _fits(value, form) else f"{path} is {_called(value)}, and has to be {_WORDS[form]}"
    if type(form) is list:
        if not isinstance(value, list | tuple):
            return f"{path} is {_called(value)}, and has to be a list"
        inner = form[0]
        for number, item in enumerate(value):
            if item is None:
                return f"{path}[{number}] is empty"
            if type(inner) is str:
                if _fits(item, inner):
                    continue
                return f"{path}[{number}] is {_called(item)}, and has to be {_WORDS[inner]}"
            wrong = _wrong(item, inner, "")
            if wrong is not None:
                return f"{path}[{number}]{wrong}"
        return None
    if type(value) is not dict and not isinstance(value, Mapping):
        return f"{path} is {_called(value)}, and has to be a mapping"
    other = form.get("*", ANY)
    for name, item in value.items():
        inner = form.get(name, other)
        if inner is ANY or item is None or (inner is TEXT and type(item) is str):
            continue
        wrong = _wrong(item, inner, "")
        if wrong is not None:
            return f"{path}.{name}{wrong}"
    return None


def _fits(value: Any, word: str) -> bool:
    if word == TEXT:
        return isinstance(value, str)
    if word == FLAG:
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


_CALLED: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "empty",
}


def _called(value: Any) -> str:
    return _CALLED.get(type(value), type(value).__name__)
