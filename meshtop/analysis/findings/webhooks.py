"""Injection and validation webhooks: overlaps, control planes that are not there, and external addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from meshtop.analysis.findings.finding import ConfigFinding
from meshtop.analysis.findings.injection import INJECTION, label_selector_matches
from meshtop.analysis.findings.revisions import INJECT, REVISION, RevisionConfig
from meshtop.analysis.inventory.untyped import mapping, maps, text, texts
from meshtop.model.addresses import ip_address_of
from meshtop.model.kube import ConfigObject

MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
_HOST = r"(?i)(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?"
"""Compiled (and kept by `re`) with the first address that is looked at: it takes a millisecond and a half."""
_NOWHERE = (".invalid", ".test", ".example")
"""Domains that never resolve (RFC 2606, RFC 6761)."""


def injectors(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Injection webhooks that both take some pod, and those whose Service does not exist."""
    found: list[tuple[ConfigObject, Mapping[str, Any]]] = []
    revisions: dict[str, None] = {}
    for configuration in config.objects(MUTATING):
        hooks = maps(configuration.spec.get("webhooks"))
        own = _revisions(configuration, hooks)
        if own or any(str(hook.get("name", "")).endswith("istio.io") for hook in hooks):
            revisions.update(dict.fromkeys(own))
            found += [(configuration, hook) for hook in hooks]
    overlaps: dict[tuple[str, str], tuple[ConfigObject, dict[str, None]]] = {}
    for namespace, pod in _cases(list(revisions)):
        taking = [
            (configuration, hook)
            for configuration, hook in found
            if label_selector_matches(hook.get("namespaceSelector"), namespace)
            and label_selector_matches(hook.get("objectSelector"), pod)
        ]
        for configuration, hook in taking if len(taking) > 1 else ():
            key = (configuration.meta.name, str(hook.get("name")))
            others = overlaps.setdefault(key, (configuration, {}))[1]
            others.update({f"{c.meta.name}/{h.get('name')}": None for c, h in taking if h is not hook})
    for (_, name), (configuration, others) in overlaps.items():
        yield config.finding(
            "IST0139", configuration, f"webhook {name} takes the same pods as {', '.join(others)}; they may be "
            "injected twice.", "Remove the revision or tag that is no longer used.",
        )  # fmt: skip
    services = {service.meta.key for service in config.inventory.services}
    for configuration, hook in found:
        service = mapping(mapping(hook.get("clientConfig")).get("service"))
        key = (str(service.get("namespace", "")), str(service.get("name", "")))
        if service and key not in services:
            yield config.finding(
                "IST0139", configuration, f"Service {'/'.join(key)}, which webhook {hook.get('name')} calls, does not "
                "exist; pods that it selects are not injected, or cannot be created.",
            )  # fmt: skip


def _revisions(configuration: ConfigObject, hooks: list[Mapping[str, Any]]) -> list[str]:
    found = [configuration.meta.labels[REVISION]] if REVISION in configuration.meta.labels else []
    for hook in hooks:
        for field in ("namespaceSelector", "objectSelector"):
            selector = mapping(hook.get(field))
            labels = mapping(selector.get("matchLabels"))
            if REVISION in labels:
                found.append(str(labels[REVISION]))
            for one in maps(selector.get("matchExpressions")):
                if one.get("key") == REVISION:
                    found += texts(one.get("values"))
    return found


def _cases(revisions: list[str]) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Labels of a namespace and of a pod in it, in every combination that injection looks at."""
    revs = [{}, *({REVISION: revision} for revision in revisions)]
    homes = [{**rev, **mark} for rev in revs for mark in ({}, {INJECTION: "enabled"}, {INJECTION: "disabled"})]
    pods = [{**rev, **mark} for rev in revs for mark in ({}, {INJECT: "true"}, {INJECT: "false"})]
    return ((home, pod) for home in homes for pod in pods)


def external_addresses(config: RevisionConfig) -> Iterator[ConfigFinding]:
    """Webhooks of a remote cluster whose external control plane has no address, a broken one, or an IP address."""
    named = (
        *(
            (c, c.meta.name.startswith(("istio-validator", "istiod-default-validator")))
            for c in config.objects(VALIDATING)
        ),
        *((c, c.meta.name.startswith("istio-sidecar-injector")) for c in config.objects(MUTATING)),
    )
    for configuration, is_of_istio in named:
        for hook in maps(configuration.spec.get("webhooks")) if is_of_istio else ():
            client = mapping(hook.get("clientConfig"))
            url = client.get("url")
            name = hook.get("name")
            if url is None:
                if not mapping(client.get("service")):
                    yield config.finding(
                        "IST0163", configuration, f"webhook {name} has neither an address nor a Service; it calls "
                        "nobody.",
                    )  # fmt: skip
                continue
            host = _host(text(url) or "")
            if host is None or host.endswith(_NOWHERE):
                yield config.finding(
                    "IST0163", configuration, f"address {url or '(blank)'} of webhook {name} leads to no host."
                )
            elif ip_address_of(host) is not None:
                yield config.finding(
                    "IST0164",
                    configuration,
                    f"address {url} of webhook {name} is an IP address; a name survives a move.",
                )


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    if not host or not (re.fullmatch(_HOST, host) or ip_address_of(host)):
        return None
    return host
